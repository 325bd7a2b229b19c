"""`smartcar run` and `smartcar sim`: processes that work until they are told to end."""

from __future__ import annotations

from pathlib import Path

import click

from smartcar_mqtt.config import bridge_names


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(bridge_names()))
@click.option("--config", "config_file", type=click.Path(dir_okay=False), help="Configuration file to use.")
def run(name: str, config_file: str | None) -> None:
    """Run the bridge NAME until Ctrl-C or SIGTERM.

    The configuration is config/system.yaml, or what --config or SMARTCAR_CONFIG name. Each key can be set from the
    environment too:

    \b
        SMARTCAR__MQTT__PORT=18830 SMARTCAR__MOTION__DEVICE=/dev/ttyUSB0 smartcar run motion
    """
    from smartcar_mqtt import service  # noqa: PLC0415 - only this command is a daemon

    raise click.exceptions.Exit(service.run(name, config_file))


@click.command()
@click.option("--link", type=click.Path(path_type=Path), help="Stable name (symbolic link) for the serial device.")
@click.option("--usb-link", type=click.Path(path_type=Path), help="The same for the ESP32's USB port.")
@click.option(
    "--room",
    default="living_room",
    show_default=True,
    help="A room that is shipped, or the path of a room's YAML file.",
)
@click.option("--control-port", type=click.IntRange(0, 65535), help="Port for faults and questions; 0 = a free one.")
@click.option("--seed", default=0, show_default=True, help="Seed of the sensors' noise.")
@click.option(
    "--crossed-wiring", is_flag=True, help="A car with its motors' sides exchanged: the firmware's LEFT turns it left."
)
@click.option("--speed-control", is_flag=True, help="A newer firmware that knows SPEED.")
def sim(
    link: Path | None,
    usb_link: Path | None,
    room: str,
    control_port: int | None,
    seed: int,
    *,
    crossed_wiring: bool,
    speed_control: bool,
) -> None:
    """Run a simulated car: an ESP32 on a serial device of its own, in a room with walls and furniture.

    Prints one line of JSON with the serial device when it is ready; any program that speaks the ESP32's protocol can
    open that device. With --control-port, faults can be caused: {"do": "unplug"}, {"do": "replug"}, {"do": "state"}.
    """
    from smartcar_mqtt.simulator.control.process import run_simulator  # noqa: PLC0415
    from smartcar_mqtt.simulator.world.room import RoomError  # noqa: PLC0415

    try:
        run_simulator(
            link,
            room,
            control_port,
            usb_link=usb_link,
            seed=seed,
            crossed_wiring=crossed_wiring,
            speed_control=speed_control,
        )
    except (RoomError, OSError) as error:
        raise click.ClickException(str(error)) from None
