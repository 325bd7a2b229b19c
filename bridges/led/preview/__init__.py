"""Pictures of the ring."""
