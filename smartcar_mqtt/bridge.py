"""The base of all bridges: commands in, state out, announced to Home Assistant.

Threads: command handlers declared `immediate` run on the broker's network thread, all others on the bridge's worker
thread; timers and `announce` after Home Assistant's birth message run on the main thread. `update`, `set_attributes`,
events and pictures may be used from any of them: one lock orders what is published.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Self

import msgspec

from smartcar_mqtt.answers import FEW_WAITING, Answers
from smartcar_mqtt.clock import CHANCE, Clock, Scheduler, Timer
from smartcar_mqtt.commands import DEFERRED, Answer, CommandError, Parsed, Request, Status, too_old
from smartcar_mqtt.config import Config, Section
from smartcar_mqtt.entities import CommandEntity, Entity, Event, Select, Sensor, Topics
from smartcar_mqtt.entities.consistency import check_together
from smartcar_mqtt.mqtt import discovery
from smartcar_mqtt.mqtt.broker import Broker, Message
from smartcar_mqtt.mqtt.echo import Echo
from smartcar_mqtt.mqtt.subscriptions import Followed
from smartcar_mqtt.published_state import PublishedState
from smartcar_mqtt.worker import Worker

log = logging.getLogger(__name__)

ONLINE, OFFLINE = b"online", b"offline"
SYNC_TIMEOUT_S = 2.0
"""Longest wait for what earlier versions left behind: a broker's access list may keep it from us."""
SYNC_MISSING = (
    "a message to %s has not come back within %g s, so commands may not arrive either: does the broker's access list "
    "let this user read and write it? See config/mosquitto.acl"
)
NO_PROBLEM = "none"
"""State of `broker_problem` while all is well."""
LOG_LEVELS = {"DEBUG": "Debug", "INFO": "Info", "WARNING": "Warning", "ERROR": "Error"}


class Bridge(PublishedState):
    """One piece of hardware or one service on MQTT. Subclasses declare entities and fill in the hooks."""

    name: ClassVar[str] = ""
    """Topic level, section of the configuration, log file, systemd unit."""
    title: ClassVar[str] = ""
    """What people call it."""
    about: ClassVar[str] = ""
    """What the reference of topics tells people about it (Markdown); empty: the first paragraph of the docstring."""
    settings_type: ClassVar[type[Section]] = Section
    """Structure of its section of the configuration."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Python packages without which it is of no use and that it imports late: asked for before it starts."""
    follows: ClassVar[tuple[str, ...]] = ()
    """What it hears of other bridges: `<bridge>/<channel>`, such as "motion/state"."""
    entities: ClassVar[dict[str, Entity]] = {}
    """All declarations by their key, in the order of declaration; filled in when a subclass is made."""

    config: Config
    clock: Clock
    scheduler: Scheduler
    broker: Broker
    topics: Topics

    last_refused = Sensor(
        about="The last command that was not carried out, and why.",
        name="Last refused command",
        icon="mdi:message-alert-outline",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    broker_problem = Sensor(
        about="What is wrong between this bridge and the broker, such as a topic that the access list refuses.",
        name="Broker problem",
        icon="mdi:lan-disconnect",
        category="diagnostic",
        attributes=True,
        urgent=True,
    )
    command_refused = Event(
        about="A command was not carried out; the data say which one, why, and who sent it.",
        types=("refused", "blocked", "expired"),
        trigger=True,
        icon="mdi:message-alert",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found: dict[str, Entity] = {}
        for ancestor in reversed(cls.__mro__):
            found.update({key: value for key, value in vars(ancestor).items() if isinstance(value, Entity)})
        cls.entities = found
        bases = [vars(base) for base in Bridge.__mro__[:-1]]
        own = {key for key, entity in found.items() if any(base.get(key, entity) is not entity for base in bases)}
        check_together(cls.__name__, found, reserved={*own, *Bridge.__annotations__})

    def __init__(self, config: Config, scheduler: Scheduler, broker: Broker) -> None:
        super().__init__(self.entities, Topics(config.mqtt.prefix, config.car.id, self.name), config, scheduler, broker)
        self._pictures: dict[str, bytes] = {}
        self._worker = Worker(self.name)
        self._commands = {
            self.topics.command(key): entity
            for key, entity in self.entities.items()
            if isinstance(entity, CommandEntity)
        }
        self._followed = Followed(config.mqtt.prefix, config.car.id, self.follows)
        self._birth_timer: Timer | None = None
        self._history: dict[str, bytes] = {}
        self._sync_timer: Timer | None = None
        self._sync_topic = f"{self.topics.base}/sync"
        # Only a bridge that moves something has to know how late its commands may be.
        moves = any(isinstance(entity, CommandEntity) and entity.fresh_only for entity in self.entities.values())
        self._echo = Echo(scheduler, broker, f"{self.topics.base}/echo") if moves else None
        self._next_step: Timer | None = None
        self.update(log_level=config.logging.level, broker_problem=NO_PROBLEM)
        self._answers = Answers(broker, self.topics.result, self._not_done)
        self._catching_up = False
        broker.on_connected = self._connected
        broker.on_acknowledged = self._acknowledged
        broker.on_lost = self._lost
        broker.on_message = self._received
        broker.problems.changed = lambda: self.scheduler.call_later(0, self._show_broker_problem)

    @classmethod
    def configured(cls, config: Config) -> type[Self]:  # noqa: ARG003 - for those that override it
        """The class that runs with this configuration: this one, or one with entities that only it asks for."""
        return cls

    # -- hooks ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the hardware; must not wait for it. Called on the main thread before the broker is connected."""

    def close(self) -> None:
        """Leave the hardware safe and close it. Called on the main thread, also after an error."""

    def connected(self) -> None:
        """The broker is there (again). On the network thread, before anything is subscribed or published."""

    def lost(self, reason: str) -> None:
        """The broker is gone. On the network thread."""

    def heard(self, source: str, message: Any) -> None:
        """A message of `follows`, decoded; None: it was cleared. On the network thread."""

    def caught_up(self) -> None:
        """All that the broker had kept of `follows` has been heard since `connected`."""

    def make_safe(self, reason: str) -> None:
        """Something unexpected has happened in this bridge: bring the hardware into a safe state."""

    def problem(self) -> str | None:
        """What is wrong with this bridge's own threads, for the watchdog; None while all is well."""
        return None

    # -- what is published -----------------------------------------------------------------------------------------

    def _acknowledged(self, topic: str) -> None:
        """The broker has taken a message. With locks of paho held, so the main thread publishes what had to wait."""
        if topic == self.topics.state:
            behind = self._state_taken()
        else:
            behind = self._answers.counted > 0 and self.broker.waiting <= FEW_WAITING
        if behind and not self._catching_up:
            self._catching_up = True
            self.scheduler.call_later(0, self._catch_up)

    def _catch_up(self) -> None:
        """Publish what had to wait, as one message each."""
        self._catching_up = False
        if self.broker.waiting <= FEW_WAITING:
            self._answers.catch_up()
        self._publish_waiting_state()

    def send(self, key: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Publish on an entity's own topic; a retained picture is sent again with each announcement."""
        if retain:
            with self._lock:
                self._pictures[key] = payload
        self.broker.publish(self.topics.channel(key), payload, qos=qos, retain=retain)

    def stream(self, key: str, payload: bytes) -> None:
        """Publish one value of a stream; only the newest matter, so some are dropped on a slow link."""
        self.broker.stream(self.topics.channel(key), payload)

    # -- announcement --------------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Publish discovery, then availability, then state: after each connection and Home Assistant's birth."""
        with self._lock:
            wanted = discovery.announcement(type(self), self.topics, self.config)
            steps = discovery.replace(self._history or {}, wanted)
            self._history = wanted
            self._take_step(steps)

    def _take_step(self, steps: list[list[discovery.Message]]) -> None:
        """Publish the first step of an announcement and, a little later, the others; availability and state last."""
        with self._lock:
            for topic, payload in steps[0]:
                self.broker.publish(topic, payload, qos=1, retain=True)
            if len(steps) > 1:
                self._next_step = self.scheduler.call_later(discovery.STEP_PAUSE_S, lambda: self._take_step(steps[1:]))
                return
            self._announced = True
            self.broker.publish(self.topics.availability, ONLINE, qos=1, retain=True)
            self._publish_state()
            for key, entity in self.entities.items():
                if entity.own_state_topic:
                    self._publish_own_state(key)
            for key, payload in self._pictures.items():
                self.broker.publish(self.topics.channel(key), payload, retain=True)

    @classmethod
    def will(cls, config: Config) -> tuple[str, bytes]:
        """What the broker publishes when this bridge is lost."""
        return Topics(config.mqtt.prefix, config.car.id, cls.name).availability, OFFLINE

    def goodbye(self) -> None:
        """End the connection in order: the bridge is offline from now on."""
        self._worker.stop()
        self.broker.stop(self.will(self.config))

    def _connected(self) -> None:
        self.connected()
        mqtt = self.config.mqtt
        own = discovery.own_topics(mqtt.discovery_prefix, self.config.car.id, self.name)
        with self._lock:
            # Also after `_lost`: an announcement that had begun before it may have ended after it.
            self._announced = False
            self._states_under_way = 0
            self._history = {}
            if self._next_step is not None:
                self._next_step.cancel()
            if self._sync_timer is not None:
                self._sync_timer.cancel()  # that of a connection which did not last as long
            self._sync_timer = self.scheduler.call_later(SYNC_TIMEOUT_S, self._sync_missing)
        # What an earlier version left in discovery comes as retained messages, all of them before the message that
        # this client sends to itself now: when that one is back, the picture is complete.
        self.broker.subscribe(self.topics.commands, self._sync_topic, *own, *self._followed.topics)
        self.broker.subscribe(*mqtt.birth_topics, as_published=False)
        if self._echo is not None:
            self._echo.connected()
        self.broker.publish(self._sync_topic, b"sync", qos=1)

    def _lost(self, reason: str) -> None:
        self._announced = False
        self._answers.forget()
        if self._echo is not None:
            self._echo.lost()
        if self._next_step is not None:
            self._next_step.cancel()
            self._next_step = None
        self.lost(reason)

    def _sync_missing(self) -> None:
        """The message of this client to itself has not come back: go on without what earlier versions left."""
        if self.broker.connected:
            self.broker.problems.tell("sync", SYNC_MISSING % (self._sync_topic, SYNC_TIMEOUT_S))
        self._history_complete()

    def _history_complete(self) -> None:
        """All that earlier versions left is known, or will not become known: once for each connection."""
        with self._lock:
            if self._sync_timer is None or not self.broker.connected:
                return
            self._sync_timer.cancel()
            self._sync_timer = None
        mqtt = self.config.mqtt
        self.broker.unsubscribe(
            self._sync_topic, *discovery.own_topics(mqtt.discovery_prefix, self.config.car.id, self.name)
        )
        self.caught_up()
        self.announce()

    def _show_broker_problem(self) -> None:
        """Show in Home Assistant, as far as it can be reached, what is wrong with the connection to the broker."""
        sentences = self.broker.problems.sentences
        self.set_attributes("broker_problem", problems=sentences)
        self.update(broker_problem=sentences[0] if sentences else NO_PROBLEM)

    def _announce_again(self) -> None:
        """Home Assistant has started: it shall hear of this bridge, unless the first announcement is still to come."""
        with self._lock:
            if self._announced:
                self.announce()

    # -- commands ------------------------------------------------------------------------------------------------

    def _received(self, message: Message) -> None:
        if self._echo is not None and self._echo.received(message.topic, message.payload):
            return
        entity = self._commands.get(message.topic)
        if entity is not None:
            self._command(entity, message)
        elif message.topic in self._followed.topics:
            self._followed.deliver(message, self.heard)
        elif message.topic in self.config.mqtt.birth_topics:
            if message.payload == ONLINE and not message.retained:
                delay = CHANCE.uniform(0, self.config.mqtt.birth_delay)
                log.info("Home Assistant has started; announcing in %.1f s", delay)
                if self._birth_timer is not None:
                    self._birth_timer.cancel()  # it may say so on two topics
                self._birth_timer = self.scheduler.call_later(delay, self._announce_again)
        elif message.topic == self._sync_topic:
            self.broker.problems.mend("sync")
            self._history_complete()
        elif message.topic.startswith(self.topics.base):
            key = message.topic.removeprefix(self.topics.base).strip("/").removesuffix("/set")[:64]
            if message.payload:
                request = Request(key, Parsed(), self._answers.replier(message))
                request.answer(Status.REFUSED, f"there is no command {key!r}")
        elif self._sync_timer is not None and message.payload:
            self._history[message.topic] = message.payload

    def _command(self, entity: CommandEntity, message: Message) -> None:
        """Check one command and run it, here or on the worker."""
        if message.retained and not message.payload:
            return  # somebody has cleared a retained command, as asked to
        reply = self._answers.replier(message)
        try:
            parsed = entity.parse(message.payload)
        except CommandError as error:
            Request(entity.key, Parsed(), reply).answer(error.status, str(error))
            return
        expires_at = None if message.expires_in is None else self.clock.monotonic() + message.expires_in
        request = Request(entity.key, parsed, reply, expires_at=expires_at)
        if message.retained and not entity.always_obeyed(parsed.value):
            clear = f"mosquitto_pub -r -n -t {message.topic}"
            request.answer(
                Status.REFUSED, f"a retained command is never obeyed; publish without -r, clear with: {clear}"
            )
        elif entity.fresh_only and not entity.always_obeyed(parsed.value) and (why := self._too_old(parsed)):
            request.answer(Status.EXPIRED, why)
        elif entity.immediate:
            self._run(entity, request)
        elif not self._worker.submit(lambda: self._run(entity, request)):
            request.answer(Status.REFUSED, "too many commands are waiting")

    def _too_old(self, parsed: Parsed) -> str | None:
        """Why a command that moves something may not be carried out any more; None: it is fresh."""
        assert self._echo is not None  # noqa: S101 - made where there is such a command
        late = self._echo.doubt()
        if late is not None:
            return f"the command may be late: {late}; send it again"
        return too_old(parsed, self.clock.wall())

    def _run(self, entity: CommandEntity, request: Request) -> None:
        late = request.expires_at is not None and self.clock.monotonic() > request.expires_at
        if late and not entity.always_obeyed(request.parsed.value):
            request.answer(Status.EXPIRED, "the command waited longer than its message expiry allows")
            return
        try:
            outcome = entity.run(self, request)
        except CommandError as error:
            request.answer(error.status, str(error))
        except Exception as error:
            self.make_safe(f"error in command {request.name}")
            log.exception("error in command %s", request.name)
            request.answer(Status.REFUSED, f"internal error, see the log: {error}")
        else:
            if outcome is not DEFERRED:
                request.answer(Status.DONE)

    def _not_done(self, answer: Answer) -> None:
        """Show in the log and in Home Assistant why a command was not carried out."""
        what = " ".join(filter(None, (answer.command, answer.value)))
        log.warning("%s: %s (%s, from %s)", what, answer.reason, answer.status, answer.source)
        details = msgspec.to_builtins(answer)
        with self._lock:
            self.set_attributes("last_refused", **details, time=round(self.clock.wall(), 3))
            self.update(last_refused=f"{what}: {answer.reason}")
        self.command_refused.fire(answer.status.value, **details)

    @Select(options=LOG_LEVELS, category="config", icon="mdi:text-box-search-outline", immediate=True)
    def log_level(self, level: str) -> None:
        """How much this bridge writes to its log."""
        logging.getLogger().setLevel(level)
        self.update(log_level=level)
        log.info("log level is %s from now on", level)
