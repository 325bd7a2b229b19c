"""The simulator as a process of its own, and its control port."""
