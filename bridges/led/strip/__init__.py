"""The strip of pixels: from colours to bits, and the ways to the hardware."""
