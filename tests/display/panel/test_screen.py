"""A panel that is missing, comes, goes and comes back: said once, tried again later and later, black at the end."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import cairocffi
import pytest

from bridges.display.panel.framebuffer import Framebuffer
from bridges.display.panel.screen import FIRST_RETRY_S, LONGEST_RETRY_S, Screen
from smartcar_mqtt.clock import ManualClock, Scheduler
from tests.display.panel.panel_file import PanelFile

WIDTH, HEIGHT = 64, 48


class Desk:
    """A screen on a hand-moved clock, its panel a file."""

    def __init__(self, folder: Path) -> None:
        self.file = PanelFile(folder, WIDTH, HEIGHT)
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.changes: list[bool] = []
        panel = Framebuffer(self.file.device, sysfs=self.file.sysfs)
        self.screen = Screen(panel, self.scheduler, lambda: self.changes.append(self.screen.there))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            self.scheduler.run_due()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def white() -> cairocffi.ImageSurface:
    picture = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, WIDTH, HEIGHT)
    context = cairocffi.Context(picture)
    context.set_source_rgb(1, 1, 1)
    context.paint()
    return picture


def test_what_is_shown_stands_on_the_panel(desk: Desk) -> None:
    desk.file.plug_in()
    desk.screen.open()
    assert desk.changes == [True]
    assert desk.screen.size == (WIDTH, HEIGHT)
    desk.screen.show(white())
    assert set(desk.file.content) == {0xFF}


def test_the_panel_is_left_black(desk: Desk) -> None:
    desk.file.plug_in()
    desk.screen.open()
    desk.screen.show(white())
    desk.screen.close()
    assert set(desk.file.content) == {0}


def test_a_missing_panel_is_told_once_and_found_when_it_comes(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        desk.screen.open()
        assert not desk.screen.there
        assert str(desk.file.device) in desk.screen.reason
        desk.screen.show(white())
        desk.pass_time(600)
    assert len(caplog.records) == 1
    desk.file.plug_in()
    desk.pass_time(LONGEST_RETRY_S * 1.2)
    assert desk.screen.there
    assert desk.screen.reason == ""
    desk.screen.show(white())
    assert set(desk.file.content) == {0xFF}


def test_it_is_tried_again_later_and_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    attempt = Framebuffer.open

    def noted(panel: Framebuffer) -> None:
        tries.append(desk.clock.monotonic())
        attempt(panel)

    monkeypatch.setattr(Framebuffer, "open", noted)
    desk.screen.open()
    desk.pass_time(400)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses[0] == pytest.approx(FIRST_RETRY_S, abs=1)
    assert all(pause <= LONGEST_RETRY_S * 1.1 + 0.5 for pause in pauses)
    assert pauses[-1] > LONGEST_RETRY_S * 0.85
    assert 6 <= len(pauses) <= 11


def test_a_panel_that_goes_away_is_survived_and_found_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.file.plug_in()
    desk.screen.open()
    desk.screen.show(white())
    desk.file.unplug()
    with caplog.at_level(logging.WARNING):
        desk.screen.show(white())
        desk.screen.show(white())
    assert desk.changes == [True, False]
    assert len(caplog.records) == 1
    desk.file.plug_in()
    desk.pass_time(FIRST_RETRY_S * 1.2)
    assert desk.changes == [True, False, True]
    desk.screen.show(white())
    assert set(desk.file.content) == {0xFF}


def test_nothing_is_tried_any_more_after_the_end(desk: Desk) -> None:
    desk.screen.open()
    desk.screen.close()
    desk.file.plug_in()
    desk.pass_time(LONGEST_RETRY_S * 2)
    assert not desk.screen.there
