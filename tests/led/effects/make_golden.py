"""Golden strips: what every effect looks like at several moments, on rings of 8 and of 16 pixels.

Made anew by `python -m tests.led.effects.make_golden`, to be read and committed with the change that made them differ.
"""

from __future__ import annotations

from pathlib import Path

from bridges.led.effects.registry import EFFECTS, Effect

GOLDEN = Path(__file__).parent / "golden"
COUNTS = (8, 16)
MOMENTS = 6


def strips(effect: Effect) -> str:
    """A line for each moment: the seconds, and each pixel in hexadecimal."""
    lines = []
    for count in COUNTS:
        lines.append(f"# {count} pixels")
        for moment in moments(effect):
            colours = effect.draw(moment, count, effect.colour)
            lines.append(f"{moment:.3f}  " + " ".join(bytes(colour).hex() for colour in colours))
    return "\n".join(lines) + "\n"


def moments(effect: Effect) -> list[float]:
    """In the middle of even parts of a period, rounded as they are written; one for a still effect."""
    if effect.fps == 0:
        return [0.0]
    length = effect.period_s
    if effect.settles_after_s is not None:
        length = effect.settles_after_s * MOMENTS / (MOMENTS - 1)
    return [round(length * (part + 0.5) / MOMENTS, 3) for part in range(MOMENTS)]


def path(effect: Effect) -> Path:
    """Where the strips of an effect are kept."""
    return GOLDEN / f"{effect.name}.txt"


if __name__ == "__main__":
    for one in EFFECTS.values():
        path(one).write_text(strips(one))
    print(f"{len(EFFECTS)} files in {GOLDEN}")
