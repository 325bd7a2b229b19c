"""Topics of other bridges that a bridge listens to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from smartcar_mqtt.logs.complaints import Complaints
from smartcar_mqtt.mqtt.broker import Message
from smartcar_mqtt.untrusted.decoding import DecodingError, decode_json

log = logging.getLogger(__name__)


class Followed:
    """What one bridge hears of others: their topics, and their messages decoded.

    Args:
        prefix, car: first levels of the topics.
        sources: `<bridge>/<channel>`, such as "motion/state".
    """

    def __init__(self, prefix: str, car: str, sources: tuple[str, ...]) -> None:
        self.topics = {f"{prefix}/{car}/{source}": source for source in sources}
        """Topic → source."""
        self._complaints = Complaints(log)

    def deliver(self, message: Message, heard: Callable[[str, Any], None]) -> None:
        """Hand a message over, as text for an availability, else decoded from JSON, None where it was cleared.

        One that is not JSON is passed over: it is another bridge's fault, told in the log once in a while.
        """
        source = self.topics[message.topic]
        try:
            content = self._decode(source, message.payload)
        except (DecodingError, UnicodeDecodeError) as error:
            self._complaints.warn(source, "%s: a damaged message is passed over: %s", message.topic, error)
            return
        heard(source, content)

    @staticmethod
    def _decode(source: str, payload: bytes) -> Any:
        if not payload:
            return None
        if source.endswith("/availability"):
            return payload.decode()
        return decode_json(payload)
