"""The face in time: transitions, gaze, blinks, speech."""
