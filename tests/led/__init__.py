"""Tests of the LED ring."""
