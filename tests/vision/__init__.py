"""Tests of the vision bridge."""
