"""A session on Home Assistant's WebSocket API: commands with their results, subscriptions with their events.

https://developers.home-assistant.io/docs/api/websocket
"""

from __future__ import annotations

import json
import time
from collections import deque
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

Message = dict[str, Any]


class HomeAssistantError(Exception):
    """Home Assistant refused a request, or did not answer it.

    Attributes:
        code: its word for the reason, such as `not_found`, or the HTTP status as text.
    """

    def __init__(self, what: str, code: str, message: str) -> None:
        super().__init__(f"Home Assistant refused {what}: {code}: {message}")
        self.code = code


class WebSocketSession:
    """One connection, logged in. For one thread."""

    def __init__(self, url: str, token: str, *, timeout: float = 10.0) -> None:
        self._url = url.replace("http://", "ws://", 1) + "/api/websocket"
        self._timeout = timeout
        self._events: dict[int, deque[Message]] = {}
        self._last_id = 0
        with ExitStack() as stack:
            self._connection = stack.enter_context(
                connect(self._url, open_timeout=timeout, close_timeout=1, max_size=None, proxy=None)
            )
            self._log_in(token)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, command: str, **fields: Any) -> Any:
        """The result of one command.

        Raises:
            HomeAssistantError: the command is refused.
            TimeoutError: no answer came in the session's time-out.
        """
        number = self._send(command, fields)
        deadline = time.monotonic() + self._timeout
        while True:
            message = self._receive(deadline, f"a result of {command}")
            if message["type"] == "result" and message["id"] == number:
                if not message["success"]:
                    raise HomeAssistantError(command, message["error"]["code"], message["error"]["message"])
                return message["result"]

    def subscribe(self, command: str, **fields: Any) -> int:
        """Start a subscription; its events wait for `next_event` under the number that is returned."""
        self._events[self._last_id + 1] = deque()
        self.call(command, **fields)
        return self._last_id

    def next_event(self, subscription: int, *, timeout: float) -> Message:
        """The `event` part of the subscription's next message.

        Raises:
            TimeoutError: none came in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self._events[subscription]:
            self._receive(deadline, "an event")
        return self._events[subscription].popleft()

    def close(self) -> None:
        """End the connection, and with it all subscriptions."""
        self._stack.close()

    def _log_in(self, token: str) -> None:
        deadline = time.monotonic() + self._timeout
        self._receive(deadline, "the greeting")
        self._connection.send(json.dumps({"type": "auth", "access_token": token}))
        answer = self._receive(deadline, "an answer to the token")
        if answer["type"] != "auth_ok":
            raise HomeAssistantError("the token", answer["type"], answer.get("message", ""))

    def _send(self, command: str, fields: Message) -> int:
        self._last_id += 1
        self._connection.send(json.dumps({"id": self._last_id, "type": command, **fields}))
        return self._last_id

    def _receive(self, deadline: float, awaited: str) -> Message:
        """One message; an event is also put where `next_event` finds it."""
        try:
            message: Message = json.loads(self._connection.recv(timeout=max(0.0, deadline - time.monotonic())))
        except TimeoutError:
            raise TimeoutError(f"{self._url}: {awaited} did not come in time") from None
        except ConnectionClosed as error:
            raise HomeAssistantError(awaited, "connection closed", f"{error}; does it still run?") from error
        if message["type"] == "event" and message["id"] in self._events:
            self._events[message["id"]].append(message["event"])
        return message
