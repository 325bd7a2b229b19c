"""Topics of other bridges that a bridge listens to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from smartcar_mqtt.decoding import DecodingError, decode_json
from smartcar_mqtt.mqtt.broker import Message

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
        self._damaged: set[str] = set()

    def deliver(self, message: Message, heard: Callable[[str, Any], None]) -> None:
        """Hand a message over, as text for an availability, else decoded from JSON, None where it was cleared.

        One that is not JSON is passed over: it is another bridge's fault, told in the log once until it is mended.
        """
        source = self.topics[message.topic]
        try:
            content = self._decode(source, message.payload)
        except (DecodingError, UnicodeDecodeError) as error:
            if source not in self._damaged:
                self._damaged.add(source)
                log.warning("%s: a damaged message is passed over: %s", message.topic, error)
            return
        self._damaged.discard(source)
        heard(source, content)

    @staticmethod
    def _decode(source: str, payload: bytes) -> Any:
        if not payload:
            return None
        if source.endswith("/availability"):
            return payload.decode()
        return decode_json(payload)
