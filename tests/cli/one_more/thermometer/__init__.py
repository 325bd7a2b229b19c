"""A bridge that only a test installs."""
