"""Why a broker refuses something: MQTT's reason codes in words for people, with the mend.

paho knows each code only for the packets that the standard allows it in, and takes a connection with any other for
broken. Mosquitto before 2.1 acknowledges a message above its `message_size_limit` with "Packet too large", which the
standard does not foresee there: the connection would be lost over and over. So every code for a refusal is made known
for every acknowledgement.
"""

from __future__ import annotations

from types import MappingProxyType

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

UNSPECIFIED = 128
BAD_LOGIN = 134
NOT_AUTHORIZED = 135
TAKEN_OVER = 142
PACKET_TOO_LARGE = 149
RETAIN_NOT_SUPPORTED = 154
QOS_NOT_SUPPORTED = 155
FIRST_FAILURE = 128

ACCESS_LIST = "the broker's access list does not allow it"
SIZE_MEND = "raise max_packet_size or message_size_limit in the broker's configuration"
LOGIN_MEND = "check MQTT_USERNAME and MQTT_PASSWORD"

_WORDS = {
    NOT_AUTHORIZED: ACCESS_LIST,
    143: "the broker does not accept such a topic",
    144: "the broker does not accept such a topic",
    PACKET_TOO_LARGE: f"the message is larger than the broker takes: {SIZE_MEND}",
    151: "the quota of this user is used up at the broker",
    162: "the broker does not allow wildcards in subscriptions",
}
_CONNECT_MENDS = {
    4: LOGIN_MEND,  # of MQTT 3.1.1
    5: LOGIN_MEND,
    129: "is it a broker for MQTT 5? If not, set mqtt.protocol to 3.1.1",
    132: "set mqtt.protocol to the other of 5 and 3.1.1",
    BAD_LOGIN: LOGIN_MEND,
    NOT_AUTHORIZED: LOGIN_MEND,
    RETAIN_NOT_SUPPORTED: "the car needs retained messages: set retain_available true in the broker's configuration",
}
_ACKNOWLEDGEMENTS = (
    PacketTypes.CONNACK,
    PacketTypes.PUBACK,
    PacketTypes.PUBREC,
    PacketTypes.SUBACK,
    PacketTypes.UNSUBACK,
    PacketTypes.DISCONNECT,
)


def accept_every_reason() -> None:
    """Let paho understand each code for a refusal in each acknowledgement."""
    known = {
        code: {name: sorted({*packets, *_ACKNOWLEDGEMENTS}) for name, packets in names.items()}
        if code >= FIRST_FAILURE and len(names) == 1
        else names
        for code, names in ReasonCode.names.items()
    }
    ReasonCode.names = MappingProxyType(known)


def refusal_words(reason: ReasonCode) -> str:
    """Why a publication or a subscription is refused."""
    if reason.value == UNSPECIFIED and reason.packetType == PacketTypes.SUBACK:
        return f"probably {ACCESS_LIST}"  # all that MQTT 3.1.1 can say
    return _WORDS.get(reason.value, str(reason))


def connect_words(reason: ReasonCode) -> str:
    """Why a connection is refused, with the mend where there is one."""
    mend = _CONNECT_MENDS.get(reason.value)
    return f"{reason}; {mend}" if mend else str(reason)
