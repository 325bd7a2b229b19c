"""The SPI bus of the tests: what has been written to it, as pixels read it, and how it fails."""

from __future__ import annotations

from pathlib import Path

from tests.led.strip.waveform import pixels_of

Colours = list[tuple[int, int, int]]


class FakeBus:
    """The folder that the stand-in for `spidev` takes for a bus; see there. A device is on it to begin with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plug()

    def plug(self) -> None:
        """There is a device."""
        (self.folder / "present").touch()

    def unplug(self) -> None:
        """There is none."""
        (self.folder / "present").unlink()

    def refuse(self, number: int | None) -> None:
        """Writes end with this error from now on; None: with none."""
        file = self.folder / "refuses"
        if number is None:
            file.unlink()
        else:
            file.write_text(str(number))

    def fail_once(self) -> None:
        """The next write ends in an exception that no driver expects."""
        (self.folder / "bug").touch()

    @property
    def streams(self) -> list[bytes]:
        """Everything written, one entry for each transfer."""
        file = self.folder / "written"
        return [bytes.fromhex(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def opened(self) -> list[str]:
        """Each opening, as bus.device."""
        file = self.folder / "opened"
        return file.read_text().split() if file.exists() else []

    @property
    def frames(self) -> list[Colours]:
        """All frames, as the pixels have read them."""
        return [pixels_of(stream) for stream in self.streams]

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.streams)

    @property
    def newest(self) -> Colours:
        """What the ring shows now."""
        return pixels_of(self.streams[-1])
