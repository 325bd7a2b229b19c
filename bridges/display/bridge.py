"""The display bridge: a face that shows what the car and its assistant are doing, and text that people send."""

from __future__ import annotations

import logging
import math
import random
from typing import Any, ClassVar

import msgspec

from bridges.display.animation.animator import Animator
from bridges.display.animation.gaze import Place
from bridges.display.animation.inputs import loudness_of, person_of, place_of
from bridges.display.arbiter import BASE, Shown, decide
from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.panel.backlight import Backlight, BacklightError, find_backlight
from bridges.display.panel.framebuffer import Panel
from bridges.display.panel.screen import Screen, panel_for
from bridges.display.portrait import Portrait, compose, png
from bridges.display.settings import DisplaySettings
from bridges.display.text.caption import Caption
from bridges.display.text.message import Message, TimedText
from bridges.display.text.selection import Words
from smartcar_mqtt.car_status import CarStatus
from smartcar_mqtt.clock import CHANCE, Scheduler, Timer
from smartcar_mqtt.commands import Blocked
from smartcar_mqtt.config import Config
from smartcar_mqtt.entities import BinarySensor, Image, Number, Select, friendly
from smartcar_mqtt.logs.complaints import Complaints
from smartcar_mqtt.mqtt.broker import Broker
from smartcar_mqtt.status_bridge import StatusBridge

log = logging.getLogger(__name__)

LEVEL, OBJECTS = "tts/level", "vision/objects"


class Display(StatusBridge):
    """The face display.

    Threads: whatever decides, draws or touches the panel runs on the main thread. Commands (worker thread) and what
    others say (network thread) only schedule a call on it. Pictures for Home Assistant are drawn on the worker thread.
    """

    name = "display"
    title = "Face display"
    about = "The face display: a face that shows what the car and its assistant are doing, and text that people send."
    settings_type = DisplaySettings
    follows = (*StatusBridge.follows, LEVEL, OBJECTS)

    face = Image(about="What the panel shows now: the face and the text below it.", icon="mdi:face-recognition")
    link = BinarySensor(
        about="Whether the panel can be reached; the attributes say why not.",
        name="Panel",
        device_class="connectivity",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    backlight = BinarySensor(
        about="Whether the panel has a backlight whose brightness can be set.",
        icon="mdi:brightness-6",
        category="diagnostic",
        attributes=True,
    )

    chance: ClassVar[random.Random] = CHANCE
    """When it blinks and where it glances."""

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(config, scheduler, broker)
        self.settings = config.section("display", DisplaySettings)
        settings = self.settings
        now = self.clock.monotonic()
        self._frame_s = 1 / settings.fps
        self._animator = Animator(self.chance, now, fps=settings.fps, sleep_after=settings.sleep_after)
        self._words = Words()
        self._screen = Screen(self.make_panel(), scheduler, self._screen_changed)
        self._text = ""
        self._caption = self._typeset("")
        self._caption_since = now
        self._backlight: Backlight | None = None
        chosen = self.state_store.get("expression", str, BASE)
        self._chosen = chosen if chosen in EXPRESSIONS else BASE
        self._just_chosen = False
        self._drawn: object = None
        self._drawn_at = -math.inf
        self._step: Timer | None = None
        self._portrait: Portrait | None = None
        self._portrait_at = -math.inf
        self._portrait_timer: Timer | None = None
        self._watched: int | None = None
        self._complaints = Complaints(log)
        self._shown = self._decide()
        self._look()
        self._draw()  # nothing yet, but the state is told from the beginning

    def make_panel(self) -> Panel:
        """The panel that the configuration names."""
        return panel_for(self.settings)

    def find_backlight(self) -> Backlight | None:
        """The panel's backlight; None: it has none that can be set. Raises BacklightError."""
        # Without a panel, the backlight found would be that of this computer's own screen.
        return None if self.settings.driver == "none" else find_backlight(self.settings.backlight)

    # -- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        super().open()
        self._screen.open()
        self._open_backlight()
        self._wake()

    def close(self) -> None:
        for timer in (self._step, self._portrait_timer):
            if timer is not None:
                timer.cancel()
        self._screen.close()
        super().close()

    def _open_backlight(self) -> None:
        reason = ""
        try:
            self._backlight = self.find_backlight()
            if self._backlight is not None:
                self.update(brightness=self._backlight.get())
        except BacklightError as error:
            reason = str(error)
            self._backlight = None
            log.error("%s", reason)
        self.set_attributes("backlight", device=self._backlight.name if self._backlight else "", reason=reason)
        self.update(backlight=self._backlight is not None)

    def _screen_changed(self) -> None:
        """The panel has been found or lost."""
        driver, device = self.settings.driver, self.settings.device
        there, reason = self._screen.there, self._screen.reason
        self.set_attributes("link", driver=driver, device="" if driver == "none" else device, reason=reason)
        self.update(link=there)
        self._drawn = None  # the panel may have lost its picture, or have another size
        self._wake()

    # -- commands ------------------------------------------------------------------------------------------------

    @Select(options=friendly(EXPRESSIONS), icon="mdi:emoticon-outline")
    def expression(self, name: str) -> None:
        """Chooses the face, until the assistant or safety needs it; kept over restarts."""
        self.state_store.set(expression=name)
        self.scheduler.call_later(0, lambda: self._choose(name))

    @TimedText(icon="mdi:message-text-outline")
    def message(self, message: Message) -> None:
        """Shows a text below the face for a while; an empty one takes it back."""
        self.scheduler.call_later(0, lambda: self._say(message))

    @Number(minimum=0, maximum=100, unit="%", icon="mdi:brightness-6", mode="slider", requires=("backlight",))
    def brightness(self, percent: int) -> None:
        """Sets how bright the panel shines; 0 is dark."""
        if self._backlight is None:
            raise Blocked("this panel has no backlight that can be set")
        try:
            self.update(brightness=self._backlight.set(percent))
        except BacklightError as error:
            raise Blocked(str(error)) from None

    def _choose(self, name: str) -> None:
        self._chosen, self._just_chosen = name, True
        self._animator.use(self.clock.monotonic())
        self._look()

    def _say(self, message: Message) -> None:
        now = self.clock.monotonic()
        seconds = message.seconds or self._typeset(message.text).reading_time_s
        self._words.say(message.text, now + seconds if message.text else math.inf)
        self._animator.use(now)
        self._look()

    def following_changed(self) -> None:
        self.scheduler.call_later(0, self._follow)

    def _follow(self) -> None:
        self._just_chosen = False
        self._animator.use(self.clock.monotonic())
        self._look()

    # -- what others say (network thread) ------------------------------------------------------------------------

    def car_status_changed(self, before: CarStatus) -> None:
        after = self.car_status
        self.scheduler.call_later(0, lambda: self._turn(before, after))

    def heard(self, source: str, message: Any) -> None:
        if source not in {LEVEL, OBJECTS}:
            super().heard(source, message)
            return
        if message is None:
            return
        try:
            if source == LEVEL:
                self._hear(loudness_of(message))
            else:
                self._see(message)
        except msgspec.ValidationError as error:
            self._complaints.warn(source, "%s: a message that makes no sense is passed over: %s", source, error)

    def _hear(self, loudness: float) -> None:
        def speak() -> None:
            self._animator.speech(loudness, self.clock.monotonic())
            self._wake()

        self.scheduler.call_later(0, speak)

    def _see(self, sight: Any) -> None:
        person = person_of(sight, self._watched)
        if person is None:
            return
        self._watched = person.id
        place = place_of(person, mirrored=self.settings.mirror_gaze)
        self.scheduler.call_later(0, lambda: self._watch(place))

    # -- what is shown (main thread) -----------------------------------------------------------------------------

    def _watch(self, place: Place) -> None:
        self._animator.watch(place, self.clock.monotonic())
        self._wake()

    def _turn(self, before: CarStatus, after: CarStatus) -> None:
        """The status of the car has changed."""
        if (before.phase, before.assistant_online) != (after.phase, after.assistant_online):
            self._just_chosen = False
        if msgspec.structs.replace(before, connected=None) != msgspec.structs.replace(after, connected=None):
            self._animator.use(self.clock.monotonic())
        self._look()

    def _decide(self) -> Shown:
        follow = self.follow_assistant is True
        return decide(self.car_status, self._chosen, follow=follow, just_chosen=self._just_chosen)

    def _look(self) -> None:
        """Decide what is to be shown now, and show it."""
        self._shown = self._decide()
        self._animator.express(self._shown.expression, self.clock.monotonic(), rests=self._shown.rests)
        self._words.tell(self._shown.status, urgent=self._shown.urgent)
        self._wake()

    def _wake(self, when: float = -math.inf) -> None:
        """Have the next frame drawn at that moment, or as soon as the frame rate allows."""
        when = max(when, self._drawn_at + self._frame_s, self.clock.monotonic())
        if self._step is not None:
            if self._step.when <= when:
                return
            self._step.cancel()
        self._step = self.scheduler.call_at(when, self._draw)

    def _draw(self) -> None:
        """Draw and publish what has changed, and schedule the next change."""
        if self._step is not None:
            self._step.cancel()
            self._step = None
        now = self._drawn_at = self.clock.monotonic()
        pose = self._animator.pose(now)
        caption = self._words_below(now)
        since = now - self._caption_since
        scrolls_in = caption.next_change(since)
        picture = (pose, caption, scrolls_in)
        if self._screen.there and picture != self._drawn:
            self._drawn = picture
            self._screen.show(compose(pose, caption, since, self._theme))
        self._tell(now)
        due = [self._animator.next_change(now), self._words.next_change()]
        due.append(None if scrolls_in is None else self._caption_since + scrolls_in)
        self._wake(min(moment for moment in due if moment is not None))

    def _words_below(self, now: float) -> Caption:
        """The text below the face, made ready for the panel as it is now."""
        text, caption = self._words.text(now), self._caption
        if (text, *self._screen.size) != (self._text, caption.width, caption.height):
            self._text, self._caption, self._caption_since = text, self._typeset(text), now
        return self._caption

    def _typeset(self, text: str) -> Caption:
        return Caption(text, *self._screen.size, monochrome=self._screen.monochrome)

    @property
    def _theme(self) -> str:
        return "mono" if self._screen.monochrome else self.settings.theme

    # -- what is told --------------------------------------------------------------------------------------------

    def _tell(self, now: float) -> None:
        """Publish state and picture of what the face shows."""
        shown = self._shown
        self.set_attributes("shown_by", chosen=self._chosen, status=shown.status)
        self.update(expression=self._animator.expression(now), shown_by=str(shown.layer), message=self._words.message)
        if self._portrait_timer is None and self._sit(now) != self._portrait:
            due = max(now, self._portrait_at + self.settings.image_interval)
            self._portrait_timer = self.scheduler.call_at(due, self._publish_portrait)

    def _sit(self, now: float) -> Portrait:
        width, height = self._screen.size
        pose = self._animator.settled(now)
        return Portrait(pose, self._text, width, height, self._theme, monochrome=self._screen.monochrome)

    def _publish_portrait(self) -> None:
        """Draw the present face on the worker thread, unless Home Assistant has that picture already."""
        self._portrait_timer = None
        now = self.clock.monotonic()
        portrait = self._sit(now)
        if portrait == self._portrait:
            return
        self._portrait_at = now
        if self._worker.submit(lambda: self.face.show(png(portrait))):
            self._portrait = portrait
        else:
            self._complaints.warn("portrait", "the picture of the face is late: too much else to do")
            self._tell(now)  # sees to it that it is tried again
