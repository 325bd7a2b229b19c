"""The display bridge as a process, with a real broker: what stands on the panel while it lives and after its end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridges.display.commands import group
from bridges.display.panel import screen
from bridges.display.panel.framebuffer import Framebuffer
from tests.display.display_process import DisplayProcess
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer

BASE = "smartcar/car/display"


def await_a_second(observer: Observer) -> None:
    """Wait until a second has passed for the bridge: that is how long it shows a message."""
    mark = observer.mark()
    observer.send(f"{BASE}/message/set", '{"value": "x", "seconds": 1}')
    observer.wait(f"{BASE}/state", lambda message: message.json["message"] == "x", since=mark)
    observer.flush()
    mark = observer.mark()
    observer.wait(f"{BASE}/state", lambda message: message.json["message"] == "", since=mark)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_bridge_that_is_ended_leaves_the_panel_black(
    broker: Mosquitto, tmp_path: Path, number: signal.Signals
) -> None:
    with Observer(broker.port) as observer, DisplayProcess(broker, tmp_path) as display:
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online")
        observer.wait(f"{BASE}/face")
        assert not display.file.is_black
        display.program.signal(number)
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"offline")
        assert display.program.stop() == 0
        assert display.file.is_black


def test_commands_and_phases_reach_the_panel(broker: Mosquitto, tmp_path: Path) -> None:
    with Observer(broker.port) as observer, DisplayProcess(broker, tmp_path) as display:
        observer.wait(f"{BASE}/availability", lambda message: message.payload == b"online")

        def wait_expression(name: str, since: int) -> None:
            observer.wait(f"{BASE}/state", lambda message: message.json["expression"] == name, since=since)

        seen = {}
        for name in ("sleep", "surprised", "sleep"):
            mark = observer.mark()
            observer.send(f"{BASE}/expression/set", name)
            wait_expression(name, mark)
            await_a_second(observer)  # the transition is over then
            seen.setdefault(name, set()).add(display.file.content)
        assert len(seen["sleep"]) == 1
        assert seen["sleep"] != seen["surprised"]
        mark = observer.mark()
        observer.send("smartcar/car/orchestrator/state", '{"phase": "listening"}', retain=True)
        wait_expression("listening", mark)
        observer.send("smartcar/car/orchestrator/state", '{"phase": "idle"}', retain=True)
        wait_expression("sleep", mark)


def test_a_panel_that_is_unplugged_does_not_end_the_bridge(broker: Mosquitto, tmp_path: Path) -> None:
    with Observer(broker.port) as observer, DisplayProcess(broker, tmp_path) as display:
        observer.wait(f"{BASE}/state", lambda message: message.json["link"] is True)
        display.file.unplug()
        observer.send(f"{BASE}/expression/set", "excited")
        told = observer.wait(f"{BASE}/state", lambda message: message.json["link"] is False)
        assert "gone" in told.json["attributes"]["link"]["reason"]
        display.file.plug_in()
        mark = observer.mark()
        observer.wait(f"{BASE}/state", lambda message: message.json["link"] is True, since=mark)
        observer.flush()
        assert display.program.stop() == 0
        assert display.file.is_black


def test_off_blackens_what_a_killed_bridge_has_left(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Observer(broker.port) as observer, DisplayProcess(broker, tmp_path) as display:
        observer.wait(f"{BASE}/state", lambda message: message.json["link"] is True)
        display.program.kill()
        assert not display.file.is_black
        monkeypatch.setattr(screen, "panel_for", lambda _: Framebuffer(display.file.device, sysfs=display.file.sysfs))
        done = CliRunner().invoke(group, ["off"], env=display.environment)
        assert done.exit_code == 0, done.output
        assert display.file.is_black


def test_off_says_why_it_cannot(tmp_path: Path) -> None:
    done = CliRunner().invoke(group, ["off"], env={"SMARTCAR__DISPLAY__DEVICE": str(tmp_path / "fb7")})
    assert done.exit_code == 1
    assert "fb7" in done.output
    assert "Traceback" not in done.output
