"""The strip of pixels: encoding of colours, and hardware drivers."""
