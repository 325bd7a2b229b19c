"""The display bridge: a face that shows what the car is doing, and text that people send."""
