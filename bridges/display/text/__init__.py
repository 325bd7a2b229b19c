"""Text below the face: which one, and how it is set."""
