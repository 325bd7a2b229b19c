"""Looking around: eight readings, their order and their picture."""
