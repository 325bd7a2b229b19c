"""How bright the panel shines, where the kernel can set that: `/sys/class/backlight/NAME/`."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys/class/backlight")


class BacklightError(Exception):
    """The backlight cannot be used; the text says why, and what to do."""


class Backlight:
    """One backlight of the kernel. Brightness is a percentage of what the device can do.

    Args:
        folder: of the device, below `/sys/class/backlight`.

    Raises:
        BacklightError: the device does not say how bright it can be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.maximum = self._read("max_brightness")
        """The device's own number for 100 %."""
        if self.maximum < 1:
            raise BacklightError(f"{folder}/max_brightness is {self.maximum}; it must be at least 1")

    def get(self) -> int:
        """Percent, as it is set now; raises BacklightError."""
        return to_percent(self._read("brightness"), self.maximum)

    def set(self, percent: int) -> int:
        """Set the brightness.

        Args:
            percent: 0 to 100; above 0 it is never quite dark.

        Returns:
            The percentage that the device really has: one with few steps takes the nearest.

        Raises:
            BacklightError: the device may not be written, or is gone.
            ValueError: no such percentage.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a brightness of {percent} % (allowed: 0 to 100)")
        raw = to_raw(percent, self.maximum)
        try:
            (self.folder / "brightness").write_text(f"{raw}\n", encoding="ascii")
        except PermissionError:
            raise BacklightError(
                f"{self.folder}/brightness may not be written by this user; docs/display.md has the udev rule that "
                f"gives it to the group video"
            ) from None
        except OSError as error:
            raise BacklightError(f"{self.folder}/brightness cannot be written: {error.strerror}") from None
        return to_percent(raw, self.maximum)

    def _read(self, name: str) -> int:
        path = self.folder / name
        try:
            return int(path.read_text(encoding="ascii"))
        except OSError as error:
            raise BacklightError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError:
            raise BacklightError(f"{path} does not hold a number") from None


def find_backlight(name: str = "", sysfs: Path = SYSFS) -> Backlight | None:
    """The backlight of this name, or without one the first there is; None: this machine has none.

    Raises:
        BacklightError: there is none of this name, or it cannot be used.
    """
    found = sorted(folder for folder in sysfs.iterdir() if folder.is_dir()) if sysfs.is_dir() else []
    if not name:
        return Backlight(found[0]) if found else None
    for folder in found:
        if folder.name == name:
            return Backlight(folder)
    names = ", ".join(folder.name for folder in found) or "none"
    raise BacklightError(f"there is no backlight {name!r} in {sysfs} (there: {names})")


def to_raw(percent: int, maximum: int) -> int:
    """The device's number for a percentage; only 0 % is 0."""
    return max(1, round(percent * maximum / 100)) if percent else 0


def to_percent(raw: int, maximum: int) -> int:
    """The percentage for a device's number; only 0 is 0 %."""
    return min(100, max(1, round(raw * 100 / maximum))) if raw > 0 else 0
