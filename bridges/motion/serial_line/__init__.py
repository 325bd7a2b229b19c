"""The serial line to the ESP32: its lines, its pace, and what was confirmed."""
