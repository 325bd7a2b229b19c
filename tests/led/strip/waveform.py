"""An oscilloscope for the ring's data line: what pixels read out of the bits of an SPI controller.

Written from data sheets alone (WS2812, WS2812B, WS2812B-V5, SK6812: what all of them allow); it looks at how long the
line is high and low, and knows nothing of tables.
"""

from __future__ import annotations

from itertools import groupby

SPI_HZ = 3_000_000
RESET_US = 280.0
HIGH_US = {"0": (0.25, 0.38), "1": (0.65, 0.75)}
LOW_US = (0.45, 5.0)
"""Between two bits. A pixel does not mind how long it is, as long as it is far from a reset."""


def pixels_of(stream: bytes, *, order: str = "GRB", rest_clocks: int = 0) -> list[tuple[int, int, int]]:
    """The colours (red, green, blue) that a strip of this order shows; fails where a time is not as it must be.

    Args:
        stream: what the SPI controller was given.
        order: in which order the strip wants its channels.
        rest_clocks: for how many clocks the controller rests, the line low, after each byte.
    """
    received = bytes_of(stream, rest_clocks=rest_clocks)
    assert len(received) % 3 == 0
    triples = [received[place : place + 3] for place in range(0, len(received), 3)]
    return [(each[order.index("R")], each[order.index("G")], each[order.index("B")]) for each in triples]


def bytes_of(stream: bytes, *, rest_clocks: int = 0) -> bytes:
    """The bytes that the pixels read."""
    line = "".join(f"{byte:08b}" + "0" * rest_clocks for byte in stream)
    runs = [(level, len(list(same)) / SPI_HZ * 1e6) for level, same in groupby(line)]
    (before, pause_us), *runs = runs
    assert (before, pause_us >= RESET_US) == ("0", True), f"{pause_us:.1f} µs before the data are too short"
    if not runs:
        return b""
    after, pause_us = runs[-1]
    assert (after, pause_us >= RESET_US) == ("0", True), f"{pause_us:.1f} µs after the data are too short"
    times = [us for _, us in runs]
    assert all(LOW_US[0] <= low_us <= LOW_US[1] for low_us in times[1:-1:2]), (
        "the line is low for too short or too long"
    )
    bits = "".join(bit_of(high_us) for high_us in times[::2])
    assert len(bits) % 8 == 0
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))


def bit_of(high_us: float) -> str:
    """0 or 1, by how long the line was high."""
    for bit, (shortest_us, longest_us) in HIGH_US.items():
        if shortest_us <= high_us <= longest_us:
            return bit
    raise AssertionError(f"{high_us:.2f} µs high is neither 0 nor 1")
