"""The LED ring bridge: a light of its own, and what the car is doing at a glance."""
