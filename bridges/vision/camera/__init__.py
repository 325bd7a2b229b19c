"""Cameras, and the newest frame of one of them."""
