"""The ESP32 board: its firmware, on a pseudo-terminal."""
