"""What comes from others: decoded with limits, shown without control characters and secrets."""
