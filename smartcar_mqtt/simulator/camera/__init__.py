"""The camera's picture of the room."""
