"""The motion bridge: the serial link to the ESP32 with motors, distances, gas sensor and servo."""
