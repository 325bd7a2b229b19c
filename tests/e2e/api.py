"""What a test does with a running Home Assistant over its HTTP and WebSocket APIs.

Every wait is on an event that Home Assistant sends; the check before it comes after the subscription, so that
nothing falls between the two. Each call opens a connection of its own and may be made from any thread.
"""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.e2e.registry import Entity, Row, State, is_of_mqtt
from tests.e2e.websocket import HomeAssistantError, WebSocketSession

Found = TypeVar("Found")
Expected = str | Callable[[State], bool] | None

_REQUEST_TIMEOUT = 20.0


class Events:
    """The events of one type, from the moment of its making on."""

    def __init__(self, session: WebSocketSession, event_type: str) -> None:
        self._session = session
        self._event_type = event_type
        self._subscription = session.subscribe("subscribe_events", event_type=event_type)

    def wait(self, accept: Callable[[Row], bool] = lambda _: True, *, timeout: float = 10.0) -> Row:
        """The `data` of the next event that is accepted; those before it are passed over for good.

        Raises:
            TimeoutError: none came in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        passed = 0
        while True:
            try:
                event = self._session.next_event(self._subscription, timeout=deadline - time.monotonic())
            except TimeoutError:
                raise TimeoutError(f"no such {self._event_type} event in {timeout:g} s; {passed} others came") from None
            data: Row = event["data"]
            if accept(data):
                return data
            passed += 1


class StateChanges:
    """The states of one entity, from the present one on."""

    def __init__(self, events: Events, entity_id: str, present: State | None) -> None:
        self._events = events
        self._entity_id = entity_id
        self._present = present
        self.seen: list[State] = [] if present is None else [present]

    def wait(self, expected: Expected = None, *, timeout: float = 10.0) -> State:
        """The next state that is the expected one; the present state counts the first time.

        Args:
            expected: the state's text, a condition, or None for any state at all.
            timeout: seconds.

        Raises:
            TimeoutError: it did not come; the message has the states that did.
        """
        present, self._present = self._present, None
        if present is not None and _meets(present, expected):
            return present
        found: list[State] = []

        def accept(data: Row) -> bool:
            if data["entity_id"] != self._entity_id or data["new_state"] is None:
                return False
            state = State.from_row(data["new_state"])
            if present is not None and state.last_updated <= present.last_updated:
                return False  # it was sent before we asked for the present state
            self.seen.append(state)
            found.append(state)
            return _meets(state, expected)

        try:
            self._events.wait(accept, timeout=timeout)
        except TimeoutError:
            seen = ", ".join(repr(state.state) for state in self.seen[-10:]) or "the entity does not exist"
            what = f"the state {expected!r}" if isinstance(expected, str) else "the state that was awaited"
            raise TimeoutError(
                f"{self._entity_id} did not get {what} in {timeout:g} s; its states until now: {seen}"
            ) from None
        return found[-1]


def _meets(state: State, expected: Expected) -> bool:
    if expected is None:
        return True
    return expected(state) if callable(expected) else state.state == expected


class HomeAssistantApi:
    """A running Home Assistant, known by its address and an access token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._numbers = itertools.count(1)

    def websocket(self) -> WebSocketSession:
        """A new session; use it in a `with` statement."""
        return WebSocketSession(self.url, self.token)

    def command(self, command: str, **fields: Any) -> Any:
        """The result of one WebSocket command."""
        with self.websocket() as session:
            return session.call(command, **fields)

    def request(self, method: str, path: str, body: Any = None) -> tuple[str, bytes]:
        """Content type and bytes of the answer to one HTTP request; `body` is sent as JSON.

        Raises:
            HomeAssistantError: the status is not 2xx; its `code` is the status.
        """
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_REQUEST_TIMEOUT)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            text = content.decode(errors="replace")[:500]
            raise HomeAssistantError(f"{method} {path}", str(answer.status), text)
        return answer.headers.get_content_type(), content

    # States and actions

    def states(self) -> dict[str, State]:
        """All states by entity id."""
        rows: list[Row] = self.command("get_states")
        return {row["entity_id"]: State.from_row(row) for row in rows}

    def state(self, entity_id: str) -> State | None:
        """The state of one entity; None where it does not exist."""
        return self.states().get(entity_id)

    def wait_state(self, entity_id: str, expected: Expected = None, *, timeout: float = 10.0) -> State:
        """The entity's state as soon as it is the expected one, which may be now. See `StateChanges.wait`."""
        with self.watch(entity_id) as changes:
            return changes.wait(expected, timeout=timeout)

    def wait_gone(self, entity_id: str, *, timeout: float = 10.0) -> None:
        """Wait until the entity has no state any more: it has been removed or disabled.

        Raises:
            TimeoutError: it is still there.
        """

        def gone() -> bool | None:
            return True if self.state(entity_id) is None else None

        self._wait_until(gone, "state_changed", f"{entity_id} is still there", timeout)

    @contextmanager
    def watch(self, entity_id: str) -> Iterator[StateChanges]:
        """The entity's states while in the `with` block: for what passes by quickly, or comes twice."""
        with self.websocket() as session:
            events = Events(session, "state_changed")
            yield StateChanges(events, entity_id, self.state(entity_id))

    @contextmanager
    def events(self, event_type: str) -> Iterator[Events]:
        """The events of one type while in the `with` block, such as `automation_triggered`."""
        with self.websocket() as session:
            yield Events(session, event_type)

    def call_service(self, domain: str, service: str, data: Mapping[str, Any] | None = None) -> None:
        """Call a service and wait until it has been done.

        Raises:
            HomeAssistantError: Home Assistant refuses the data, or the service failed.
        """
        self.command("call_service", domain=domain, service=service, service_data=dict(data or {}))

    def camera(self, entity_id: str) -> tuple[str, bytes]:
        """Content type and bytes of a camera's present picture."""
        return self.request("GET", f"/api/camera_proxy/{entity_id}")

    def image(self, entity_id: str) -> tuple[str, bytes]:
        """Content type and bytes of an image entity."""
        return self.request("GET", f"/api/image_proxy/{entity_id}")

    # Registries

    def entity_registry(self, platform: str | None = "mqtt") -> list[Entity]:
        """The entities of one integration (None: of all) by entity id, disabled ones too."""
        with self.websocket() as session:
            entries: list[Row] = session.call("config/entity_registry/list")
            ids = [entry["entity_id"] for entry in entries if platform in (None, entry["platform"])]
            extended: dict[str, Row] = session.call("config/entity_registry/get_entries", entity_ids=ids)
            devices: dict[str, Row] = {row["id"]: row for row in session.call("config/device_registry/list")}
            states = {row["entity_id"]: State.from_row(row) for row in session.call("get_states")}
        return [
            Entity.join(entry, devices.get(entry["device_id"]), states.get(entity_id))
            for entity_id, entry in sorted(extended.items())
        ]

    def entity(self, unique_id: str) -> Entity:
        """The MQTT entity with this unique id.

        Raises:
            LookupError: there is none; the message has those that are there.
        """
        entities = {entity.unique_id: entity for entity in self.entity_registry()}
        if unique_id not in entities:
            raise LookupError(f"Home Assistant has no MQTT entity {unique_id!r}, but {sorted(entities)}")
        return entities[unique_id]

    def update_entity(self, entity_id: str, **changes: Any) -> None:
        """Change an entry of the entity registry: `name`, `icon`, `disabled_by`, `new_entity_id`, ..."""
        self.command("config/entity_registry/update", entity_id=entity_id, **changes)

    def enable_entity(self, entity_id: str) -> State:
        """Enable a disabled MQTT entity and wait for its state.

        Home Assistant reloads the integration 30 s after an entity has been enabled. We do not wait for that but
        reload it at once; the late reload still comes, and all MQTT entities blink then. `restart` prevents it.
        """
        self.update_entity(entity_id, disabled_by=None)
        self.reload_mqtt()
        return self.wait_state(entity_id)

    def devices(self) -> list[Row]:
        """The MQTT devices as the device registry has them."""
        return [row for row in self.command("config/device_registry/list") if is_of_mqtt(row)]

    def wait_device(self, identifier: str, *, timeout: float = 10.0) -> Row:
        """The MQTT device with this identifier, as soon as it is there.

        Raises:
            TimeoutError: it did not come; the message has the devices that are there.
        """

        def find() -> Row | None:
            return next((row for row in self.devices() if is_of_mqtt(row, identifier)), None)

        return self._wait_until(find, "device_registry_updated", f"there is no MQTT device {identifier!r}", timeout)

    def wait_device_gone(self, identifier: str, *, timeout: float = 10.0) -> None:
        """Wait until there is no MQTT device with this identifier any more.

        Raises:
            TimeoutError: it is still there.
        """

        def gone() -> bool | None:
            return None if any(is_of_mqtt(row, identifier) for row in self.devices()) else True

        self._wait_until(gone, "device_registry_updated", f"the device {identifier!r} is still there", timeout)

    def device_triggers(self, identifier: str) -> list[Row]:
        """The triggers that the automation editor offers for the MQTT device with this identifier."""
        device = self.wait_device(identifier)
        triggers: list[Row] = self.command("device_automation/trigger/list", device_id=device["id"])
        return triggers

    # The MQTT integration

    def reload_mqtt(self) -> None:
        """Reload the MQTT integration, and wait until it is connected again."""
        self.request("POST", f"/api/config/config_entries/entry/{self._mqtt_entry()['entry_id']}/reload")
        self.wait_mqtt_settled()

    def wait_mqtt_settled(self, *, topic_prefix: str = "homeassistant/settled", timeout: float = 10.0) -> None:
        """Wait until Home Assistant has handled every message and made every subscription that was due before.

        A message of ours goes to the broker and comes back to a subscription that is the last in Home Assistant's
        queue. (Each such subscription puts off a birth message that has not been sent yet: by 5 s from then.)

        Args:
            topic_prefix: where Home Assistant's user may publish and subscribe, if the broker has access rules.
            timeout: seconds.
        """
        topic = f"{topic_prefix}/{id(self):x}-{next(self._numbers)}"
        message = {"topic": topic, "payload": "settled", "retain": True, "qos": 1}
        with self.websocket() as session:
            session.call("call_service", domain="mqtt", service="publish", service_data=message)
            subscription = session.subscribe("mqtt/subscribe", topic=topic, qos=1)
            session.next_event(subscription, timeout=timeout)
            message["payload"] = ""  # nothing retained shall stay
            session.call("call_service", domain="mqtt", service="publish", service_data=message)

    def _mqtt_entry(self) -> Row:
        entries: Sequence[Row] = self.command("config_entries/get", domain="mqtt")
        return entries[0]

    # Automations

    def add_automation(self, identifier: str, config: Mapping[str, Any]) -> str:
        """Save an automation as the editor does, and return its entity id when its triggers listen.

        Args:
            identifier: its unique id; an automation of the same id is replaced.
            config: `alias`, `triggers`, `actions`, ... or `use_blueprint`.

        Raises:
            HomeAssistantError: Home Assistant finds the configuration invalid.
        """
        with self.events("automation_reloaded") as reloaded:
            self.request("POST", f"/api/config/automation/config/{identifier}", dict(config))
            reloaded.wait()
        self.wait_mqtt_settled()
        for entity in self.entity_registry("automation"):
            if entity.unique_id == identifier:
                return entity.entity_id
        raise LookupError(f"Home Assistant took the automation {identifier!r} but did not load it: see its log")

    def remove_automation(self, identifier: str) -> None:
        """Delete an automation and wait until it is gone."""
        entity_ids = [row.entity_id for row in self.entity_registry("automation") if row.unique_id == identifier]
        self.request("DELETE", f"/api/config/automation/config/{identifier}")
        for entity_id in entity_ids:
            self.wait_gone(entity_id)

    def _wait_until(self, look: Callable[[], Found | None], event_type: str, complaint: str, timeout: float) -> Found:
        """What `look` finds: now, or after one of the events."""
        deadline = time.monotonic() + timeout
        with self.events(event_type) as events:
            while (found := look()) is None:
                try:
                    events.wait(timeout=deadline - time.monotonic())
                except TimeoutError:
                    names = [device["name"] for device in self.devices()]
                    raise TimeoutError(f"{complaint} after {timeout:g} s; MQTT devices: {names}") from None
        return found
