"""Tests of the motion bridge: pure rules, the chassis on a hand-moved clock, and the whole on a real serial line."""
