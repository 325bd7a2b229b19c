"""From a frame to objects: network, decoding, tracking."""
