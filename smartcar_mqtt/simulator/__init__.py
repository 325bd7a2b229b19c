"""The car without the car: a room, a car that drives in it, and the ESP32 board on a pseudo-terminal."""
