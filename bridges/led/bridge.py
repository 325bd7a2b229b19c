"""The LED bridge: the ring as a light of Home Assistant, which also shows what the car and the assistant are doing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from bridges.led.animation import Animation, fade_seconds
from bridges.led.arbiter import Shown, decide
from bridges.led.effects.colours import scale
from bridges.led.effects.registry import EFFECTS
from bridges.led.light_state import LightState, colour_of, merged
from bridges.led.preview.summary import main_colour, mean_milliamps, portrait
from bridges.led.settings import LedSettings
from bridges.led.strip.drivers import DriverError, ring_for
from bridges.led.strip.output import Output
from smartcar_mqtt.car_status import CarStatus, Layer
from smartcar_mqtt.clock import Backoff, Scheduler, Timer
from smartcar_mqtt.commands import Blocked
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import BinarySensor, Image, Light, Sensor
from smartcar_mqtt.logs.complaints import Complaints
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.status_bridge import StatusBridge

log = logging.getLogger(__name__)

FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 60.0
WIPE_S = 0.4
"""How long the ring takes to go out when the bridge ends."""
WIPE_STEPS = 20
FLASH_HALF_S = 0.25
"""A flashing light is on for so long, then off for so long."""
FULL = 255
REMEMBER_AFTER_S = 2.0
"""A colour wheel sends many commands; only the last one is written to the SD card."""
PAINT_AFTER_S = 0.2
"""Shortest time that something must be shown to get a picture in Home Assistant."""
MOST_PAINTED = 24
"""Size of the cache of pictures: the assistant's phases come again with every sentence."""


class Flash(msgspec.Struct, frozen=True):
    """Blinking that a command asks for."""

    lit: Shown
    """What the ring shows while it is lit."""
    seconds: float


class Led(StatusBridge):
    """The LED ring.

    Threads: everything that draws or touches the ring runs on the main thread. Commands (worker thread) and what
    others say (network thread) only store what is wanted and schedule `look` on the main thread.
    """

    name = "led"
    title = "LED ring"
    about = "The LED ring: a light that also shows what the car and the assistant are doing."
    settings_type = LedSettings

    current = Sensor(
        about="The mean current that the ring draws with what it shows now, without losses of the power supply.",
        unit="mA",
        device_class="current",
        state_class="measurement",
        precision=0,
        category="diagnostic",
        enabled=False,
        requires=("link",),
    )
    link = BinarySensor(
        about="Whether the ring can be reached; the attributes say why not.",
        name="Ring",
        device_class="connectivity",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    picture = Image(about="What the ring looks like now.", name="Ring picture", icon="mdi:circle-outline")

    pause: Callable[[float], None] = staticmethod(time.sleep)
    """Waits between the last frames, after the main loop has ended."""

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.settings = config.section("led", LedSettings)
        settings = self.settings
        self._ring = ring_for(settings)
        self._output = Output(
            settings.pixels, settings.order, settings.gamma, settings.brightness, settings.max_milliamps
        )
        self._animation = Animation(settings.pixels, settings.fps)
        self._light: LightState = self.state_store.get("light", LightState, LightState())
        self._shown: Shown | None = None
        self._written = b""
        self._film: dict[int, bytes] = {}
        """Step of the effect that is shown → its bytes: most effects come round every few seconds."""
        self._frame: Timer | None = None
        self._flash: Timer | None = None
        self._complaints = Complaints(log)
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, spread=0.1)
        self._reported = ""
        self._remember: Timer | None = None
        self._paint: Timer | None = None
        self._painted: dict[Shown, bytes] = {}
        self.set_attributes("link", driver=settings.driver, reason="")
        self.update(link=False)
        self.look()

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        super().open()
        self._open_ring()

    def close(self) -> None:
        for timer in (self._frame, self._flash, self._remember, self._paint):
            if timer is not None:
                timer.cancel()
        try:
            if self.link:
                self._go_out()
        except DriverError as error:
            log.error("the ring stays as it was: %s", error)
        finally:
            self._ring.close()
            self.state_store.set(light=self._light)
            super().close()

    def _open_ring(self) -> None:
        """Open the ring and show what is due; on failure try again later."""
        try:
            self._ring.open()
            self._written = b""
            self._show(self._encoded(self.clock.monotonic()))
        except DriverError as error:
            self._lose_ring(error)
            return
        self._backoff.reset()
        self._reported = ""
        log.info("the ring is there (driver %s)", self.settings.driver)
        self.set_attributes("link", driver=self.settings.driver, reason="")
        self.update(link=True)
        self._draw()

    def _lose_ring(self, error: DriverError) -> None:
        """Report once that the ring cannot be reached, and try again later."""
        self._ring.close()
        reason = str(error)
        if reason != self._reported:
            self._reported = reason
            log.error("%s; trying again", reason)
        self.set_attributes("link", driver=self.settings.driver, reason=reason)
        self.update(link=False)
        self.scheduler.call_later(self._backoff.next_s(), self._open_ring)

    def _go_out(self) -> None:
        """Wipe to the final colour, pixel by pixel; the final colour is written in any case."""
        settings = self.settings
        last = [settings.farewell_colour] * settings.pixels
        try:
            picture = self._animation.picture(self.clock.monotonic())
            now = [scale(colour, picture.brightness / FULL) for colour in picture.colours]
            steps = min(settings.pixels, WIPE_STEPS) if any(map(any, now)) else 0
            for step in range(1, steps):
                edge = settings.pixels * step // steps
                self._show(self._output.encode([*last[:edge], *now[edge:]]))
                self.pause(WIPE_S / steps)
        finally:
            self._ring.show(self._output.encode(last))

    # -- commands ------------------------------------------------------------------------------------------------

    @Light(name="Ring light", effects=tuple(EFFECTS), icon="mdi:led-strip-variant", requires=("link",))
    def ring(self, wanted: dict[str, Any]) -> None:
        """Sets the light that is shown while neither safety nor the assistant needs the ring; kept over restarts."""
        before, transition = self._light, wanted.get("transition")
        self._light = merged(before, wanted)
        if self._light != before:
            if self._remember is not None:
                self._remember.cancel()
            self._remember = self.scheduler.call_later(REMEMBER_AFTER_S, self._remember_light)
        if "flash" not in wanted:
            self.scheduler.call_later(0, lambda: self.look(transition))
            return
        # A light that goes out flashes in the colour that it had.
        colour = colour_of(wanted["color"]) if "color" in wanted else self._light.shown_colour
        brightness = wanted.get("brightness") or FULL
        flash = Flash(Shown(Layer.USER, "solid", colour, brightness), wanted["flash"])
        self.scheduler.call_later(0, lambda: self.look(transition, flash))
        if not self.link:
            raise Blocked("no flash now: the ring cannot be reached; the light itself is set")
        shown = self._shown
        if shown is not None and shown.layer is not Layer.USER:
            raise Blocked(f"no flash now: the ring shows {shown.effect} ({shown.layer}); the light itself is set")

    def _remember_light(self) -> None:
        # On the worker thread: a slow SD card must not delay frames.
        if not self._worker.submit(lambda: self.state_store.set(light=self._light)):
            self._complaints.warn("light", "the light is not remembered yet: too much else to do")

    # -- what is shown -------------------------------------------------------------------------------------------

    def car_status_changed(self, before: CarStatus) -> None:
        self.scheduler.call_later(0, self.look)

    def following_changed(self) -> None:
        self.scheduler.call_later(0, self.look)

    def look(self, transition_s: float | None = None, flash: Flash | None = None) -> None:
        """Decide what is to be shown now, and show it. On the main thread.

        Args:
            transition_s: seconds that people asked the change of their light to take; None: the usual time.
            flash: blinking before it, where the ring shows people's light.
        """
        shown = decide(self.car_status, self._light, follow=self.follow_assistant is True)
        changed, flashes = shown != self._shown, flash is not None and shown.layer is Layer.USER
        if not (changed or flashes):
            return
        self._shown = shown
        self._end_flash()
        asked = transition_s if shown.layer is Layer.USER else None
        fade = fade_seconds(shown, self.settings.transition) if asked is None else asked
        if flash is not None and flashes:
            self._blink(flash.lit, max(1, round(flash.seconds / FLASH_HALF_S)), fade)
        else:
            self._play(shown, fade)
        if changed:
            self._tell(shown)

    def _tell(self, shown: Shown) -> None:
        """Publish state and picture of what the ring shows."""
        red, green, blue = main_colour(shown, self.settings.pixels)
        self.set_attributes("shown_by", effect=shown.effect if shown.on else None)
        self.update(
            ring={
                "state": shown.on,
                "brightness": shown.brightness,
                "color": {"r": red, "g": green, "b": blue},
                "effect": shown.effect,
            },
            shown_by=str(shown.layer),
            current=mean_milliamps(shown, self.settings.pixels, self._output),
        )
        if self.settings.picture != "off":
            if self._paint is not None:
                self._paint.cancel()
            self._paint = self.scheduler.call_later(PAINT_AFTER_S, lambda: self._have_painted(shown))

    def _have_painted(self, shown: Shown) -> None:
        """Draw the picture for Home Assistant on the worker thread: it takes as long as several frames."""
        if not self._worker.submit(lambda: self._paint_now(shown)):
            self._complaints.warn("picture", "the picture of the ring is not drawn: too much else to do")

    def _paint_now(self, shown: Shown) -> None:
        encoded = self._painted.get(shown)
        if encoded is None:
            encoded = self._encode_picture(shown)
            while len(self._painted) >= MOST_PAINTED:
                del self._painted[next(iter(self._painted))]
            self._painted[shown] = encoded
        self.picture.show(encoded)

    def _encode_picture(self, shown: Shown) -> bytes:
        from bridges.led.preview.animated import animated_png  # noqa: PLC0415 - 8 MB, only for who wants pictures
        from bridges.led.preview.still import ring_png  # noqa: PLC0415

        settings = self.settings
        brightness = shown.brightness if shown.on else 0
        if settings.picture == "animated" and brightness:
            return animated_png(EFFECTS[shown.effect], settings.pixels, shown.colour, brightness)
        return ring_png([scale(colour, brightness / FULL) for colour in portrait(shown, settings.pixels)])

    def _blink(self, shown: Shown, left: int, fade_s: float) -> None:
        """Show one half of a flash and schedule the next; after the last one, show what is due."""
        if left > 0:
            self._play(shown, 0)
            other = msgspec.structs.replace(shown, on=not shown.on)
            self._flash = self.scheduler.call_later(FLASH_HALF_S, lambda: self._blink(other, left - 1, fade_s))
        elif self._shown is not None:
            self._flash = None
            self._play(self._shown, fade_s)

    def _end_flash(self) -> None:
        if self._flash is not None:
            self._flash.cancel()
            self._flash = None

    # -- frames --------------------------------------------------------------------------------------------------

    def _play(self, shown: Shown, fade_s: float) -> None:
        """Show this from now on."""
        self._animation.show(shown, self.clock.monotonic(), fade_s)
        self._film.clear()
        self._draw()

    def _draw(self) -> None:
        """Write the present frame and set a timer for the next one, if there is one."""
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
        if not self.link:
            return
        now = self.clock.monotonic()
        try:
            self._show(self._encoded(now))
        except DriverError as error:
            self._lose_ring(error)
            return
        pause = self._animation.next_after(now)
        if pause is not None:
            self._frame = self.scheduler.call_at(now + pause, self._draw)

    def _encoded(self, now: float) -> bytes:
        """The encoded frame of this moment."""
        step = self._animation.step(now)
        data = None if step is None else self._film.get(step)
        if data is None:
            picture = self._animation.picture(now)
            data = self._output.encode(picture.colours, picture.brightness)
            if step is not None:
                self._film[step] = data
        return data

    def _show(self, data: bytes) -> None:
        if data != self._written:
            self._ring.show(data)
            self._written = data
