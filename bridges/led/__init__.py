"""The LED ring bridge: a light for Home Assistant that also shows the status of the car."""
