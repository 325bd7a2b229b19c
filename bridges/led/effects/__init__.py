"""Effects of the ring."""
