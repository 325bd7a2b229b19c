"""The keeper: a process that stops the car when the bridge cannot."""
