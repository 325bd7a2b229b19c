"""The drawing libraries."""
