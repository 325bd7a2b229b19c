"""The motion bridge: the chassis as entities of Home Assistant and topics of MQTT."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from bridges.motion.chassis import NO_SPEED, SCANNING, Chassis
from bridges.motion.drive import Drive, is_stop, parse_drive
from bridges.motion.latch import not_stored, read_latch, write_latch
from bridges.motion.safety import STOPPED, Control, Zone
from bridges.motion.scan.scan import Reading
from bridges.motion.serial_line.protocol import DIRECTIONS, Frame
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.clock import Scheduler
from smartcar_mqtt.commands import DEFERRED, Blocked, Refused, Request, Status
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import (
    BinarySensor,
    Button,
    Command,
    Event,
    Image,
    Number,
    Sensor,
    Stream,
    Switch,
)
from smartcar_mqtt.logs.complaints import Complaints
from smartcar_mqtt.mqtt.broker import Broker

log = logging.getLogger(__name__)

RATE_WINDOW_S = 5.0
"""Time over which frames are counted for the rate."""
COLLISION_EVENTS = {Zone.CLEAR: "clear", Zone.WARNING: "warning_zone", Zone.OBSTACLE: "emergency_stop"}
LINK = ("link",)


class Motion(Bridge):
    """The robot car itself: motors, distances, gas sensor and pan servo, behind an ESP32 on a serial line."""

    name = "motion"
    title = "Robot car"
    settings_type = MotionSettings

    distance_left = Sensor(
        about="Distance to what the left ultrasonic sensor sees; unknown where no echo comes back.",
        unit="cm",
        device_class="distance",
        state_class="measurement",
        icon="mdi:arrow-top-left",
        requires=LINK,
    )
    distance_center = Sensor(
        about="Distance to what the middle ultrasonic sensor sees; unknown where no echo comes back.",
        unit="cm",
        device_class="distance",
        state_class="measurement",
        icon="mdi:arrow-up",
        requires=LINK,
    )
    distance_right = Sensor(
        about="Distance to what the right ultrasonic sensor sees; unknown where no echo comes back.",
        unit="cm",
        device_class="distance",
        state_class="measurement",
        icon="mdi:arrow-top-right",
        requires=LINK,
    )
    distance_smallest = Sensor(
        about="The smallest of the three distances.",
        name="Smallest distance",
        unit="cm",
        device_class="distance",
        state_class="measurement",
        icon="mdi:arrow-collapse-up",
        requires=LINK,
    )
    gas = Sensor(
        about="Reading of the MQ-2 gas sensor, 0 to 4095, as the ESP32 measures it.",
        name="Gas raw value",
        state_class="measurement",
        precision=0,
        icon="mdi:molecule",
        requires=LINK,
    )
    motion = Sensor(
        about="What the car is doing now.",
        options=(STOPPED, *DIRECTIONS, SCANNING),
        icon="mdi:car-arrow-right",
        urgent=True,
    )
    control = Sensor(
        about="Who moves the car now, or keeps others from moving it; the attributes name the sender.",
        name="Who holds control",
        options=tuple(str(control) for control in Control),
        icon="mdi:account-key-outline",
        attributes=True,
    )
    best_heading = Sensor(
        about="Direction with the most room that the last scan has found; all its readings are in the attributes.",
        unit="°",
        precision=0,
        icon="mdi:compass-outline",
        attributes=True,
    )

    obstacle = BinarySensor(
        about="Something is so near that the ESP32 stops the car and blocks moving forward.",
        device_class="problem",
        icon="mdi:wall",
        requires=LINK,
        urgent=True,
    )
    warning_zone = BinarySensor(
        about="Something is so near that the car may not move forward any more.",
        device_class="problem",
        icon="mdi:alert-outline",
        requires=LINK,
        urgent=True,
    )
    sensors_blind = BinarySensor(
        about="No ultrasonic sensor sees anything, so the car moves forward for short times only.",
        device_class="problem",
        icon="mdi:eye-off-outline",
        requires=LINK,
        urgent=True,
    )
    gas_alarm = BinarySensor(
        about="The gas sensor has gone above its alarm threshold and not come below the lower one since.",
        device_class="gas",
        requires=LINK,
        urgent=True,
    )
    link = BinarySensor(
        about="Whether the ESP32 sends data over the serial line; the attributes say why not.",
        name="ESP32 link",
        device_class="connectivity",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    stop_unconfirmed = BinarySensor(
        about="A STOP was written and the ESP32 has not confirmed it: the car counts as moving until it does.",
        name="Stop not confirmed",
        device_class="problem",
        icon="mdi:car-brake-alert",
        attributes=True,
        urgent=True,
    )
    keeper = BinarySensor(
        about="Whether the process that stops the car when this bridge cannot is there; without it the car stands.",
        device_class="running",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    speed_control = BinarySensor(
        about="Whether the firmware of the ESP32 can change the speed of the motors.",
        category="diagnostic",
        icon="mdi:speedometer",
        attributes=True,
    )

    collision = Event(
        about="The car has come near an obstacle, or has got away from it.",
        types=tuple(COLLISION_EVENTS.values()),
        trigger=True,
        icon="mdi:car-brake-alert",
    )
    gas_warning = Event(
        about="The gas alarm has begun or ended.",
        types=("alarm", "clear"),
        trigger=True,
        icon="mdi:smoke-detector-variant-alert",
    )

    frames_per_second = Sensor(
        about="How many measurements the ESP32 sends a second.",
        unit="Hz",
        device_class="frequency",
        state_class="measurement",
        precision=1,
        category="diagnostic",
        enabled=False,
    )
    bad_lines = Sensor(
        about="Damaged lines from the ESP32 since the bridge was started.",
        state_class="total_increasing",
        precision=0,
        category="diagnostic",
        enabled=False,
        icon="mdi:text-box-remove",
    )
    reconnects = Sensor(
        about="How often the serial line was opened again since the bridge was started.",
        state_class="total_increasing",
        precision=0,
        category="diagnostic",
        enabled=False,
        icon="mdi:usb-port",
    )
    firmware = Sensor(about="What the ESP32 says of itself when it starts.", category="diagnostic", icon="mdi:chip")

    radar = Image(about="Picture of the last scan: distances all around the car.", name="Radar", icon="mdi:radar")
    telemetry = Stream(
        about="Every measurement of the ESP32, for programs.",
        example='{"left":80,"center":120,"right":null,"gas":150,"servo":90,"left_motor":0,"right_motor":0,'
        '"obstacle":false,"warning":false,"time":1767225600.123}',
    )

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.settings = config.section("motion", MotionSettings)
        self._latch_file = config.state_directory() / f"{config.car.id}-emergency-stop.json"
        self._default_s = self.settings.default_lease
        self._zone = Zone.CLEAR
        self._shown: tuple[object, ...] = ()
        """What the entities were last told of the chassis."""
        self._count = 0
        self._counted_from = self.clock.monotonic()
        latched = read_latch(self._latch_file)
        if latched:
            log.warning("the emergency stop is still on; release it by hand")
        self._complaints = Complaints(log)
        self._chassis = Chassis(self.settings, scheduler, self, emergency_stop=latched)
        self.update(bad_lines=0, reconnects=0, drive_duration=self._default_s, speed=self._chassis.speed)
        self.changed()

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._chassis.open()

    def close(self) -> None:
        self._chassis.close()

    def connected(self) -> None:
        self.make_safe("connected to the broker")

    def lost(self, reason: str) -> None:
        self.make_safe(f"lost the broker: {reason}")

    def make_safe(self, reason: str) -> None:
        try:
            self._chassis.halt(reason)
        except Blocked as error:
            log.info("STOP (%s) is not written: %s", reason, error)
        else:  # afterwards: a log file may take its time
            log.info("STOP: %s", reason)

    def problem(self) -> str | None:
        return self._chassis.problem()

    # -- commands ------------------------------------------------------------------------------------------------

    @Command(
        parse=parse_drive,
        example='forward | {"direction": "forward", "speed": 60, "duration": 1.5, "source": "remote"}',
        always_obeyed=is_stop,
        immediate=True,
        fresh_only=True,
    )
    def drive(self, drive: Drive, request: Request) -> object:
        """Moves the car for a while: a plain direction, or JSON."""
        self._chassis.drive(drive, request, self._default_s)
        return DEFERRED

    @Button(icon="mdi:arrow-up-bold", requires=LINK, immediate=True, fresh_only=True)
    def forward(self, request: Request) -> object:
        """Drives forward for the drive duration."""
        return self.drive_for_button("forward", request)

    @Button(icon="mdi:arrow-down-bold", requires=LINK, immediate=True, fresh_only=True)
    def backward(self, request: Request) -> object:
        """Drives backward for the drive duration."""
        return self.drive_for_button("backward", request)

    @Button(icon="mdi:arrow-left-bold", requires=LINK, immediate=True, fresh_only=True)
    def left(self, request: Request) -> object:
        """Turns left on the spot for the drive duration."""
        return self.drive_for_button("left", request)

    @Button(icon="mdi:arrow-right-bold", requires=LINK, immediate=True, fresh_only=True)
    def right(self, request: Request) -> object:
        """Turns right on the spot for the drive duration."""
        return self.drive_for_button("right", request)

    def drive_for_button(self, direction: str, request: Request) -> object:
        """Drive in a direction for the duration that is set."""
        self._chassis.drive(Drive(direction), request, self._default_s)
        return DEFERRED

    @Button(icon="mdi:stop", only_safer=True, immediate=True)
    def stop(self, request: Request) -> object:
        """Stops the car, now."""
        self._chassis.halt("stopped", request)
        return DEFERRED

    @Switch(name="Emergency stop", icon="mdi:car-brake-hold", on_is_safer=True, immediate=True, fresh_only=True)
    def emergency_stop(self, on: bool, request: Request) -> object:
        """Latches the car: nothing moves it until this is switched off by hand; kept over restarts."""
        self._chassis.set_emergency_stop(on=on, request=request)
        # On the worker thread: a slow card must not keep the next stop waiting.
        if not self._worker.submit(lambda: self._store_latch(request, on=on)):
            self._store_latch(request, on=on)
        return DEFERRED

    def _store_latch(self, request: Request, *, on: bool) -> None:
        try:
            write_latch(self._latch_file, on=on)
        except OSError as error:
            told = not_stored(on=on, error=error)
            log.error("%s", told)
            request.answer(Status.DONE, told)
        else:
            request.answer(Status.DONE)

    @Button(icon="mdi:radar", requires=LINK, immediate=True, fresh_only=True)
    def scan(self, request: Request) -> object:
        """Looks around in eight steps of 45 degrees and ends where it began; any stop interrupts it."""
        self._chassis.scan(request)
        return DEFERRED

    @Button(icon="mdi:restart", category="config", requires=LINK, immediate=True)
    def reset(self, request: Request) -> object:
        """Stops the car and brings the ESP32's servo and flags to their start."""
        self._chassis.send_word("reset", request)
        return DEFERRED

    @Button(icon="mdi:lock-open-outline", category="config", requires=LINK, immediate=True)
    def clear_block(self, request: Request) -> object:
        """Clears the ESP32's own obstacle flag until its next measurement; the warning zone stays in force."""
        self._chassis.send_word("clearblock", request)
        return DEFERRED

    @Button(
        name="Request status", icon="mdi:help-network-outline", category="diagnostic", requires=LINK, immediate=True
    )
    def status(self, request: Request) -> object:
        """Asks the ESP32 for servo angle and motors."""
        self._chassis.send_word("status", request)
        return DEFERRED

    @Number(
        minimum=1,
        maximum=100,
        unit="%",
        icon="mdi:speedometer",
        requires=("link", "speed_control"),
        mode="slider",
        immediate=True,
    )
    def speed(self, percent: int, request: Request) -> object:
        """Sets the speed of moves that name none; only for firmware that can change the speed."""
        self._chassis.choose_speed(percent, request)
        return DEFERRED

    @Number(
        minimum=0.1,
        maximum=5,
        step=0.1,
        unit="s",
        device_class="duration",
        icon="mdi:timer-outline",
        mode="slider",
        immediate=True,
    )
    def drive_duration(self, seconds: float) -> None:
        """Sets the duration of moves that name none."""
        if seconds > self.settings.max_lease:
            raise Refused(f"{seconds:g} s is more than motion.max_lease allows ({self.settings.max_lease:g} s)")
        self._default_s = seconds
        self.update(drive_duration=seconds)

    @Number(minimum=0, maximum=180, unit="°", icon="mdi:angle-acute", requires=LINK, mode="slider", immediate=True)
    def servo_angle(self, degrees: int, request: Request) -> object:
        """Turns the pan servo."""
        self._chassis.turn_servo(degrees, request)
        return DEFERRED

    # -- what the chassis tells (with its lock held) -------------------------------------------------------------

    def frame(self, frame: Frame) -> None:
        """A DATA line: telemetry at once, values with the next state message."""
        fields = msgspec.structs.asdict(frame)
        self.telemetry.put(msgspec.json.encode({**fields, "time": round(self.clock.wall(), 3)}))
        self._count += 1
        alarm = self.gas_alarm
        if frame.gas >= self.settings.gas_alarm:
            alarm = True
        elif frame.gas < self.settings.gas_clear or alarm is None:
            alarm = False
        if alarm != self.gas_alarm and (alarm or self.gas_alarm):
            self.gas_warning.fire("alarm" if alarm else "clear", gas=frame.gas)
        values: dict[str, Any] = {
            "distance_left": frame.left,
            "distance_center": frame.center,
            "distance_right": frame.right,
            "distance_smallest": frame.nearest,
            "gas": frame.gas,
            "gas_alarm": alarm,
        }
        now = self.clock.monotonic()
        if now - self._counted_from >= RATE_WINDOW_S:
            values["frames_per_second"] = self._count / (now - self._counted_from)
            self._count, self._counted_from = 0, now
        self.changed(**values)

    def changed(self, **values: Any) -> None:
        """Motion, control, zone, link, servo, speed control or firmware may be other ones now."""
        chassis, guard = self._chassis, self._chassis.guard
        link = chassis.link_ok
        shown = (
            link, chassis.apparent_motion, chassis.control, chassis.source, chassis.servo, chassis.speed,
            chassis.speed_control, chassis.firmware, chassis.reconnects, chassis.down_reason, chassis.keeper,
            chassis.keeper_reason, chassis.keepers_lost, chassis.stop_unconfirmed, guard.zone, guard.blind,
            guard.emergency_stop,
        )  # fmt: skip
        if shown == self._shown and link:
            self.update(**values)  # as with most frames
            return
        self._shown = shown
        if guard.zone is not self._zone and link:
            self._zone = guard.zone
            self.collision.fire(COLLISION_EVENTS[guard.zone], nearest_cm=chassis.nearest)
        if not link:
            values["frames_per_second"] = 0
        self.set_attributes("control", source=chassis.source)
        self.set_attributes("link", device=self.settings.device, reason="" if link else chassis.down_reason)
        self.set_attributes("keeper", reason=chassis.keeper_reason, replaced=chassis.keepers_lost)
        self.set_attributes("stop_unconfirmed", reason=chassis.stop_unconfirmed)
        if chassis.speed_control is not None:
            self.set_attributes("speed_control", reason="" if chassis.speed_control else NO_SPEED)
        self.update(
            motion=chassis.apparent_motion,
            control=str(chassis.control),
            emergency_stop=guard.emergency_stop,
            obstacle=guard.zone is Zone.OBSTACLE if link else None,
            warning_zone=guard.zone is not Zone.CLEAR if link else None,
            sensors_blind=guard.blind if link else None,
            link=link,
            stop_unconfirmed=bool(chassis.stop_unconfirmed),
            keeper=chassis.keeper,
            servo_angle=chassis.servo,
            speed=chassis.speed,
            speed_control=chassis.speed_control,
            firmware=chassis.firmware,
            reconnects=max(0, chassis.reconnects),
            **values,
        )

    def scanned(self, readings: list[Reading], best: Reading | None) -> None:
        """A scan is complete: the result now, its picture when it is drawn."""
        self.set_attributes(
            "best_heading",
            distance_cm=None if best is None else round(best.mean_cm or 0),
            readings=[msgspec.structs.asdict(reading) for reading in readings],
            time=round(self.clock.wall(), 3),
        )
        self.update(best_heading=None if best is None else best.heading)

        def show() -> None:
            from bridges.motion.scan.radar import draw  # noqa: PLC0415 - 8 MB that a car which never scans can do without

            self.radar.show(draw(readings, best))

        if not self._worker.submit(show):
            self._complaints.warn("radar", "the radar picture is not drawn: too much else to do")

    def bad_line(self) -> None:
        """A damaged line: counted, nothing else."""
        self.update(bad_lines=self.bad_lines + 1)
