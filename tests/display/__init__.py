"""Tests of the display bridge."""
