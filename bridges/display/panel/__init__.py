"""The panel: a framebuffer of the kernel, its format and its backlight."""
