"""The log: where it goes, what may stand in it, and how often."""
