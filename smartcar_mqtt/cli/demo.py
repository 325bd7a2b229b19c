"""`smartcar demo`: a broker, a simulated car and the bridges, on this machine, without any hardware."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from smartcar_mqtt.cli.demo_parts import END_SIGNALS, Demo, DemoError
from smartcar_mqtt.cli.output import complain, say_json
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.untrusted.visible import visible


@click.command()
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="End by itself after so many seconds.")
@click.option(
    "--broker-port",
    type=click.IntRange(0, 65535),
    default=18830,
    show_default=True,
    help="Port of the private broker; 0, or one that is taken: a free one is chosen.",
)
@click.option(
    "--http-port",
    type=click.IntRange(0, 65535),
    default=0,
    expose_value=False,  # no bridge of this version serves HTTP; scripts may pass it all the same
    help="Port of the web remote, for a version that has one; 0, or one that is taken: a free one is chosen.",
)
@click.option(
    "--bridge", "bridges", multiple=True, type=click.Choice(bridge_names()), help="Only this one (repeatable)."
)
@click.option(
    "--room", default="living_room", show_default=True, help="Room of the simulated car: a name or a YAML file."
)
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    help="Address of the broker; 0.0.0.0 lets a Home Assistant on another machine in (and everybody else there).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when all is up, and nothing else.")
def demo(
    seconds: float | None,
    broker_port: int,
    bridges: tuple[str, ...],
    room: str,
    listen: str,
    *,
    as_json: bool,
) -> None:
    """Start a simulated car: a private Mosquitto, an ESP32 in a furnished room, and the bridges.

    Ctrl-C ends everything that it has started. The exit code is 0 only if every bridge was online.
    """
    # Blocked before anything is started, so that a signal is taken where it is waited for and never in between.
    waited = END_SIGNALS | {signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    say = Story(quiet=as_json)
    try:
        wanted = bridges or tuple(bridge_names())
        room = str(Path(room).resolve()) if Path(room).suffix or "/" in room else room
        with Demo(broker_port=broker_port, listen=listen, room=room, bridges=wanted, chosen=bool(bridges)) as parts:
            say.begin(parts)
            parts.start(say)
            if as_json:
                say_json(summary(parts))
            say.hints(parts)
            sys.stdout.flush()
            wait(parts, say, seconds, waited)
            complete = parts.complete
    except DemoError as error:
        raise click.ClickException(str(error)) from None
    say.goodbye()
    if not complete:
        raise click.exceptions.Exit(1)


def summary(parts: Demo) -> dict[str, Any]:
    """What scripts want to know."""
    return {
        "broker": {"host": parts.host, "port": parts.port},
        "http": None,
        "bridges": parts.states,
        "serial": parts.serial,
    }


def wait(parts: Demo, say: Story, seconds: float | None, waited: set[signal.Signals]) -> None:
    """Until a signal or the end of the time; a part that ends by itself is told at once."""
    ends = None if seconds is None else time.monotonic() + seconds
    while True:
        left = 86_400.0 if ends is None else ends - time.monotonic()
        if left <= 0:
            return
        caught = signal.sigtimedwait(waited, left)
        if caught is not None and caught.si_signo in END_SIGNALS:
            return
        for name, last_words in parts.ended():
            say.lost(name, last_words)


class Story:
    """What people read while a demo starts and ends."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._began = time.monotonic()

    def _say(self, text: str = "", **style: Any) -> None:
        if not self._quiet:
            click.secho(text, **style)

    def begin(self, parts: Demo) -> None:
        """The first line."""
        self._say("Smart car demo", bold=True, nl=False)
        reach = "on this machine only" if parts.listen == "127.0.0.1" else "OPEN TO THE NETWORK, without a password"
        self._say(f"   simulated, {reach}; logs in {parts.folder}/logs; Ctrl-C ends it\n")

    def ready(self, name: str, note: str, *, good: bool) -> None:
        """A part is ready, or is not."""
        mark = click.style("✔", fg="green") if good else click.style("✘", fg="red")
        if good or not self._quiet:
            self._say(f"  {mark} {name:<12} {visible(note)}")
        else:
            complain(f"{name}: {note}")
        sys.stdout.flush()

    def waiting(self, names: list[str], seconds: float) -> None:
        """Parts are slow to start."""
        click.echo(
            f"    still waiting for {', '.join(names)} after {seconds:.0f} s (a slow or busy machine)", err=self._quiet
        )
        sys.stdout.flush()

    def hints(self, parts: Demo) -> None:
        """What to try."""
        host, port = parts.host, parts.port
        base, face, ring = "smartcar/car/motion", "smartcar/car/display", "smartcar/car/led"
        self._say(f"\nReady after {time.monotonic() - self._began:.1f} s. Try it in a second terminal:\n")
        if "motion" in parts.states:
            self._say(f"  mosquitto_pub -h {host} -p {port} -t {base}/drive/set -m forward", fg="cyan")
            self._say(f"  mosquitto_pub -h {host} -p {port} -t {base}/scan/set -m PRESS", fg="cyan")
        if "display" in parts.states:
            self._say(f"  mosquitto_pub -h {host} -p {port} -t {face}/expression/set -m happy", fg="cyan")
        if "led" in parts.states:
            wish = msgspec.json.encode({"state": "ON", "effect": "rainbow"}).decode()
            self._say(f"  mosquitto_pub -h {host} -p {port} -t {ring}/ring/set -m '{wish}'", fg="cyan")
        self._say(f"  mosquitto_sub -h {host} -p {port} -v -t '{base}/state' -t '{base}/result'", fg="cyan")
        program = sys.argv[0] if sys.argv[0].endswith("smartcar") else "smartcar"
        self._say("\nor  ", nl=False)
        self._say(f"{program} watch", fg="cyan", nl=False)
        self._say("  and  ", nl=False)
        self._say(f"{program} drive left", fg="cyan")
        self._say("\nHome Assistant: Settings > Devices & services > Add integration > MQTT,")
        self._say(f"broker {host}, port {port}, no user name. The device 'Smart car' then appears by itself.")
        if parts.listen == "127.0.0.1":
            self._say("(A Home Assistant on another machine: start the demo with --listen 0.0.0.0)")

    def lost(self, name: str, last_words: str) -> None:
        """A part has ended by itself."""
        complain(f"{name} has ended by itself: {last_words}")

    def goodbye(self) -> None:
        """The last line."""
        self._say("\nThe demo has ended.")
