"""What all entities share: one declaration gives topic, discovery, state, parsing and validation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

from smartcar_mqtt.commands import Parsed, Request
from smartcar_mqtt.entities.rules import DEVICE_CLASSES, READ_ONLY_PLATFORMS

Category = Literal["config", "diagnostic"]
Handler = Callable[..., object]
HandlerT = TypeVar("HandlerT", bound=Handler)

KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_KEYS = frozenset({"attributes", "availability", "echo", "result", "state", "sync", "telemetry"})
"""Topic levels and state keys that a bridge itself uses: no entity may be called so."""


class Owner(Protocol):
    """What an entity needs of the bridge that it belongs to."""

    def value_of(self, key: str) -> Any:
        """The present value of an entity."""

    def update(self, **values: Any) -> None:
        """Set values of entities."""

    def send(self, key: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Publish on an entity's own topic."""

    def stream(self, key: str, payload: bytes) -> None:
        """Publish one of many small values."""


class DeclarationError(TypeError):
    """An entity is declared in a way that Home Assistant would refuse; raised when the class is made."""


class Entity:
    """One entity of a bridge, declared as an attribute of its class.

    Args:
        name: English name in sentence case, without the device's name; made from the attribute's name if left out.
        icon: `mdi:...`; leave it out where the device class brings one.
        category: "diagnostic" (looked at when something is wrong), "config" (set up once) or None (daily use).
        enabled: False for what would only be noise to most people; they can enable it in Home Assistant.
        device_class: as Home Assistant's platform defines it.
        requires: names of binary sensors of the same bridge; the entity is available only while all of them are on.
        attributes: True when details are published beside the value (`Bridge.set_attributes`).
        urgent: True when a change must not wait for the next regular state message (safety).
    """

    platform: ClassVar[str] = ""
    """Home Assistant's platform; empty for what exists on MQTT only."""
    has_state: ClassVar[bool] = True
    """Whether the entity has a key in the bridge's `state` object."""
    own_state_topic: ClassVar[bool] = False
    """Whether its value is also published on `<entity>/state` (platforms that cannot pick from an object)."""

    def __init__(
        self,
        *,
        name: str | None = None,
        icon: str | None = None,
        category: Category | None = None,
        enabled: bool = True,
        device_class: str | None = None,
        requires: tuple[str, ...] = (),
        attributes: bool = False,
        urgent: bool = False,
    ) -> None:
        self.key = ""
        self.name = name or ""
        self.icon = icon
        self.category = category
        self.enabled = enabled
        self.device_class = device_class
        self.requires = requires
        self.attributes = attributes
        self.urgent = urgent
        self.owner = ""

    # -- declaration ---------------------------------------------------------------------------------------------

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.owner = owner.__name__
        self.key = attribute
        self.name = self.name or attribute.replace("_", " ").capitalize()

    def fail(self, problem: str) -> DeclarationError:
        """The error for a wrong declaration, naming class and entity."""
        return DeclarationError(f"{self.owner}.{self.key}: {problem}")

    def check_declaration(self) -> None:
        """Raise DeclarationError for what Home Assistant would refuse.

        Called by the bridge's class when it is made, not by `__set_name__`, whose errors Python 3.11 hides in others.
        """
        if not KEY_PATTERN.fullmatch(self.key):
            raise self.fail("the name must be lower case letters, digits and underscores")
        if self.key in RESERVED_KEYS:
            raise self.fail("this name is reserved for the bridge itself")
        if self.icon is not None and not re.fullmatch(r"mdi:[a-z0-9-]+", self.icon):
            raise self.fail(f"icon {self.icon!r} is not of the form mdi:name")
        if self.category == "config" and self.platform in READ_ONLY_PLATFORMS:
            raise self.fail(f"a {self.platform} cannot be in the category 'config'")
        if self.category not in {None, "config", "diagnostic"}:
            raise self.fail(f"unknown category {self.category!r} (allowed: config, diagnostic)")
        if self.device_class is not None:
            known = DEVICE_CLASSES.get(self.platform, frozenset())
            if self.device_class not in known:
                allowed = ", ".join(sorted(known)) or "none"
                raise self.fail(f"unknown {self.platform} device class {self.device_class!r} (allowed: {allowed})")

    # -- value ---------------------------------------------------------------------------------------------------

    def __get__(self, bridge: Owner | None, owner: type | None = None) -> Any:
        if bridge is None:
            return self
        return bridge.value_of(self.key)

    def __set__(self, bridge: Owner, value: object) -> None:
        bridge.update(**{self.key: value})

    def check_value(self, value: Any) -> Any:
        """The value as it is published; raises ValueError for one that Home Assistant would refuse."""
        return value

    # -- discovery -----------------------------------------------------------------------------------------------

    def traits(self, topics: Topics) -> dict[str, Any]:
        """The platform's own keys of the discovery payload; what all platforms share is added by `discovery`."""
        return {}

    def state_template(self) -> str:
        """The template that picks this entity's value from the bridge's state object."""
        return "{{ value_json.%s }}" % self.key


class Topics:
    """The topics of one bridge, below `<prefix>/<car>/<bridge>`."""

    __slots__ = ("base", "car", "name")

    def __init__(self, prefix: str, car: str, name: str) -> None:
        self.car = car
        self.name = name
        self.base = f"{prefix}/{car}/{name}"

    @property
    def availability(self) -> str:
        """`online` / `offline`, retained, also the last will."""
        return f"{self.base}/availability"

    @property
    def state(self) -> str:
        """One JSON object with the state of all entities, retained."""
        return f"{self.base}/state"

    @property
    def result(self) -> str:
        """What became of each command."""
        return f"{self.base}/result"

    @property
    def commands(self) -> str:
        """Filter that matches the command topics of all entities."""
        return f"{self.base}/+/set"

    def command(self, key: str) -> str:
        """Command topic of one entity."""
        return f"{self.base}/{key}/set"

    def entity_state(self, key: str) -> str:
        """State topic of an entity that cannot pick from the common object."""
        return f"{self.base}/{key}/state"

    def channel(self, key: str) -> str:
        """Topic of an event, a picture or a stream of values."""
        return f"{self.base}/{key}"


class CommandEntity(Entity):
    """An entity that takes commands: a decorator for the method that carries them out.

    The method gets the parsed value, where the platform has one, and the `Request` if it asks for it by having one
    more parameter. It returns None when the command is done, DEFERRED when it will answer the request itself, and
    raises `Refused` or `Blocked` with the reason.

    Args:
        immediate: True runs the method on the network thread, at once: for safety and for what takes well under a
            millisecond. Otherwise it runs on the bridge's worker thread, one command after the other.
        fresh_only: True for what moves something: a command that may have been held back on its way is `expired`.
    """

    takes_value: ClassVar[bool] = True

    def __init__(self, *, immediate: bool = False, fresh_only: bool = False, **traits: Any) -> None:
        super().__init__(**traits)
        self.immediate = immediate
        self.fresh_only = fresh_only
        self.handler: Handler | None = None
        self._wants_request = False

    def __call__(self, handler: Handler) -> Self:
        """Take the method that carries the command out."""
        self.handler = handler
        self._wants_request = handler.__code__.co_argcount == 2 + self.takes_value
        self.__doc__ = handler.__doc__
        return self

    def check_declaration(self) -> None:
        """Raise DeclarationError for what Home Assistant would refuse, or for a command that nothing carries out."""
        super().check_declaration()
        if self.handler is None:
            raise self.fail("has no method; use it as a decorator")
        if self.handler.__code__.co_argcount != 1 + self.takes_value + self._wants_request:
            wanted = "self, value" if self.takes_value else "self"
            raise self.fail(f"the method must take ({wanted}) or ({wanted}, request)")

    def parse(self, payload: bytes) -> Parsed:
        """Read a command's payload; raises `Refused` with the reason."""
        raise NotImplementedError

    def always_obeyed(self, value: Any) -> bool:
        """Whether this value can only make the car safer, so that it is obeyed even when retained or late."""
        return False

    def run(self, bridge: Owner, request: Request) -> object:
        """Call the method with the arguments that it asks for."""
        arguments: list[object] = [request.parsed.value] if self.takes_value else []
        if self._wants_request:
            arguments.append(request)
        assert self.handler is not None  # noqa: S101 - check_declaration has seen to it
        return self.handler(bridge, *arguments)
