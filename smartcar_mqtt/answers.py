"""Answers to commands, which stay bounded when commands come faster than the broker takes the answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from smartcar_mqtt.commands import Answer, Status
from smartcar_mqtt.mqtt.broker import Broker, Message

MOST_WAITING = 1000
"""Messages that may wait for the broker's acknowledgement before refusals are only counted: about 3 MB."""
MOST_ANSWERS_WAITING = 2000
"""The same for all other answers: what was done is worth more."""
FEW_WAITING = 100
"""When there are only so many, what was counted is told."""


class Answers:
    """Publishes what became of each command. May be used from any thread.

    Args:
        broker: the connection.
        topic: the bridge's `result`.
        not_done: told of each command that was not carried out, so that people learn of it.
    """

    def __init__(self, broker: Broker, topic: str, not_done: Callable[[Answer], None]) -> None:
        self._broker = broker
        self._topic = topic
        self._not_done = not_done
        self._lock = threading.Lock()
        self.counted = 0
        """Commands whose answers were left out."""
        self._last: Answer | None = None

    def replier(self, message: Message) -> Callable[[Answer], None]:
        """The way in which the sender of this message is answered."""

        def reply(answer: Answer) -> None:
            waiting = self._broker.waiting
            if waiting >= (MOST_WAITING if answer.status is Status.REFUSED else MOST_ANSWERS_WAITING):
                self._count(answer)
                return
            payload = msgspec.json.encode(answer)
            self._broker.publish(self._topic, payload, qos=1)
            if message.response_topic:
                try:
                    self._broker.publish(
                        message.response_topic, payload, qos=1, correlation=message.correlation, answer=True
                    )
                except ValueError as error:
                    sentence = f"cannot answer on response topic {message.response_topic[:64]!r}: {error}"
                    self._broker.problems.tell("answers", sentence)
            if answer.status is not Status.DONE:
                self._not_done(answer)

        return reply

    def _count(self, answer: Answer) -> None:
        with self._lock:
            self.counted += 1
            self._last = answer

    def catch_up(self) -> None:
        """Tell in one message what was only counted."""
        if not self.counted:
            return
        with self._lock:
            counted, last = self.counted, self._last
            self.counted, self._last = 0, None
        if last is None:
            return
        many = f"{counted} commands came faster than they could be answered; the last: "
        told = msgspec.structs.replace(last, reason=many + (last.reason or last.status.value))
        self._broker.publish(self._topic, msgspec.json.encode(told), qos=1)
        if told.status is not Status.DONE:
            self._not_done(told)

    def forget(self) -> None:
        """The connection is gone: what was not told is of no use on the next one."""
        with self._lock:
            self.counted, self._last = 0, None
