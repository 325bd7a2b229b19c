"""Bits for WS2812 pixels, as an SPI controller sends them.

A WS2812 tells 0 from 1 by how long the line is high, so each of its bits is sent as four of SPI's: `1000` is a 0,
`1100` a 1. At 3 MHz these are high for 0.33 and 0.67 µs, which the data sheets of the WS2812, the WS2812B, its V5 and
the SK6812 all allow; a bit takes 1.33 µs.

Three bits of SPI for each would do, and be shorter, but many a Raspberry Pi's controller rests for a clock after each
byte, with the line low (linux/drivers/spi/spi-bcm2835.c: "9 cycles/byte"): in the middle of a high line that is another
bit. With four, every byte ends low, so that a rest makes a low line longer, which no pixel minds for some µs.

Between two frames the line must be low: for 50 µs by the older data sheets, for 280 µs by those of the V5.
"""

from __future__ import annotations

SPI_HZ = 3_000_000
SPI_BITS = 4
"""Bits of SPI for each bit of a pixel."""
RESET_US = 300
"""Low before and after the data: the pixels take over what they have received."""
RESET = bytes(-(-RESET_US * SPI_HZ // 8_000_000))


def _spread(byte: int) -> bytes:
    """The four bytes of SPI that stand for one byte of a pixel, its highest bit first."""
    bits = "".join("1100" if byte >> place & 1 else "1000" for place in range(7, -1, -1))
    return int(bits, 2).to_bytes(SPI_BITS, "big")


TABLE = tuple(_spread(byte) for byte in range(256))


def encode(data: bytes) -> bytes:
    """What the SPI controller sends for `data`: three bytes a pixel, in the strip's own order of channels."""
    return b"".join([RESET, *[TABLE[byte] for byte in data], RESET])


def encoded_size(pixels: int) -> int:
    """How many bytes `encode` makes of so many pixels."""
    return 2 * len(RESET) + 3 * SPI_BITS * pixels
