"""The face: what it can express, and how it is drawn."""
