"""What Home Assistant is told, and in which order it replaces what it was told before."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from smartcar_mqtt import __version__
from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.config import Car, Config, Logging, Mqtt, Section, bridge_names
from smartcar_mqtt.entities import Select, Topics, friendly
from smartcar_mqtt.mqtt import discovery
from smartcar_mqtt.service import find_bridge
from tests.library.example import DISCOVERY, Lamp

TOPICS = Topics("smartcar", "car", "lamp")
PREFIX = "homeassistant"
MODES = ("device", "component", "off")


def config(*, car: Car | None = None, **mqtt: Any) -> Config:
    return Config({"car": car or Car(), "mqtt": Mqtt(**mqtt), "logging": Logging(), "lamp": Section()}, {}, "a test")


def announced(mode: str, **more: Any) -> dict[str, Any]:
    """The announcement of the lamp, decoded."""
    messages = discovery.announcement(Lamp, TOPICS, config(discovery=mode, **more))
    return {topic: msgspec.json.decode(payload) for topic, payload in messages.items()}


@pytest.mark.parametrize("name", bridge_names())
@pytest.mark.parametrize("mode", ["device", "component"])
def test_the_announcements_of_the_car_stay_small(name: str, mode: str) -> None:
    kind = find_bridge(name)
    messages = discovery.announcement(kind, Topics("smartcar", "car", name), config(discovery=mode))
    most = 24_000 if mode == "device" else 3_000
    assert max(map(len, messages.values())) <= most, {topic: len(payload) for topic, payload in messages.items()}


def test_a_list_of_a_thousand_options_is_announced_whole() -> None:
    def choose(self: Bridge, place: str) -> None: ...

    entity = Select(options=friendly(f"place_{number}" for number in range(1000)))(choose)
    kind = type("Places", (Bridge,), {"name": "places", "title": "Places", "place": entity})
    (payload,) = discovery.announcement(kind, Topics("smartcar", "car", "places"), config()).values()
    found = msgspec.json.decode(payload)["components"]["place"]
    assert len(found["options"]) == 1000
    assert "Place 999" in found["options"]
    assert len(payload) < 100_000


# -- payloads --------------------------------------------------------------------------------------------------------


def test_a_device_message_has_all_components() -> None:
    (payload,) = announced("device").values()
    assert payload.keys() == {"device", "origin", "components"}
    assert payload["origin"] == {"name": "smartcar-mqtt", "sw_version": __version__}
    shown = {key for key, entity in Lamp.entities.items() if entity.platform not in {"", "device_automation"}}
    triggers = {f"touched_{kind}" for kind in ("short", "long")} | {f"knocked_{kind}" for kind in ("once", "twice")}
    triggers |= {f"command_refused_{kind}" for kind in ("refused", "blocked", "expired")}
    assert payload["components"].keys() == shown | triggers


def test_what_home_assistant_shows_nothing_for_is_not_announced() -> None:
    assert "samples" not in announced("device")[DISCOVERY]["components"]
    assert "raw" not in announced("device")[DISCOVERY]["components"]
    assert "knocked" not in announced("device")[DISCOVERY]["components"]


def test_each_component_has_what_home_assistant_requires() -> None:
    unique = set()
    for key, part in announced("device")[DISCOVERY]["components"].items():
        assert re.fullmatch("[a-zA-Z0-9_-]+", key)
        assert part["platform"]
        assert None not in part.values()
        if part["platform"] == "device_automation":
            assert part.keys() >= {"automation_type", "type", "subtype", "topic", "payload"}
            continue
        assert part["unique_id"] == f"car_lamp_{key}"
        assert part["name"]
        assert part["availability_mode"] == "all"
        unique.add(part["unique_id"])
    assert len(unique) > 10


def test_a_component_in_full() -> None:
    parts = announced("device")[DISCOVERY]["components"]
    assert parts["slow"] == {
        "platform": "button",
        "unique_id": "car_lamp_slow",
        "name": "Slow",
        "qos": 1,
        "availability": [
            {"topic": "smartcar/car/lamp/availability"},
            {
                "topic": "smartcar/car/lamp/state",
                "value_template": "{{ 'online' if value_json.hardware else 'offline' }}",
            },
        ],
        "availability_mode": "all",
        "command_topic": "smartcar/car/lamp/slow/set",
        "payload_press": "PRESS",
    }
    assert parts["mood"]["json_attributes_topic"] == "smartcar/car/lamp/state"
    template = "{{ value_json.attributes.mood | default({}) | tojson }}"
    assert parts["mood"]["json_attributes_template"] == template
    assert "json_attributes_topic" not in parts["warmth"]


def test_category_icon_and_disabled_entities() -> None:
    parts = announced("device")[DISCOVERY]["components"]
    assert parts["last_refused"]["entity_category"] == "diagnostic"
    assert parts["last_refused"]["icon"] == "mdi:message-alert-outline"
    assert "enabled_by_default" not in parts["last_refused"]
    entity = Lamp.entities["warmth"]
    entity.enabled = False
    try:
        assert discovery.component(entity, TOPICS)["enabled_by_default"] is False
    finally:
        entity.enabled = True


def test_a_component_message_stands_for_one_entity() -> None:
    payloads = announced("component")
    assert set(payloads) >= {
        "homeassistant/sensor/smartcar_car_lamp/warmth/config",
        "homeassistant/light/smartcar_car_lamp/ring/config",
        "homeassistant/device_automation/smartcar_car_lamp/touched_long/config",
    }
    warmth = payloads["homeassistant/sensor/smartcar_car_lamp/warmth/config"]
    assert warmth["device"] == announced("device")[DISCOVERY]["device"]
    assert warmth["origin"]["name"] == "smartcar-mqtt"
    assert "platform" not in warmth


def test_both_styles_announce_the_same() -> None:
    parts = announced("device")[DISCOVERY]["components"]
    single = announced("component")
    assert len(single) == len(parts)
    for topic, payload in single.items():
        _, platform, _, key, _ = topic.split("/")
        inner = {name: value for name, value in payload.items() if name not in {"device", "origin"}}
        assert {"platform": platform, **inner} == parts[key]


def test_off_announces_nothing() -> None:
    assert announced("off") == {}


def test_prefix_and_car_are_in_topics_and_ids() -> None:
    messages = discovery.announcement(
        Lamp, Topics("robots", "red", "lamp"), config(car=Car(id="red"), discovery_prefix="ha/disco")
    )
    (topic,) = messages
    assert topic == "ha/disco/device/smartcar_red_lamp/config"
    part = msgspec.json.decode(messages[topic])["components"]["warmth"]
    assert part["unique_id"] == "red_lamp_warmth"
    assert part["state_topic"] == "robots/red/lamp/state"


def test_the_device_of_a_bridge_points_to_the_car() -> None:
    device = announced("device", car=Car(name="Herbie", configuration_url="http://herbie:8770"))[DISCOVERY]["device"]
    assert device == {
        "identifiers": ["smartcar_car_lamp"],
        "name": "Herbie Lamp",
        "manufacturer": "smartcar-mqtt",
        "model": "Lamp",
        "sw_version": __version__,
        "configuration_url": "http://herbie:8770",
        "via_device": "smartcar_car_motion",
    }


def test_the_motion_bridge_is_the_car_itself() -> None:
    car = type("Car", (Lamp,), {"name": "motion", "title": "Robot car"})
    device = discovery.device(car, config(car=Car(name="Herbie")))
    assert device["name"] == "Herbie"
    assert "via_device" not in device
    assert "configuration_url" not in device


def test_own_topics_match_both_styles() -> None:
    assert discovery.own_topics(PREFIX, "car", "lamp") == (DISCOVERY, "homeassistant/+/smartcar_car_lamp/+/config")


# -- replacing what was announced before -----------------------------------------------------------------------------


def device_message(**components: Any) -> dict[str, bytes]:
    payload = {"device": {"identifiers": ["x"]}, "origin": {"name": "x"}, "components": components}
    return {DISCOVERY: msgspec.json.encode(payload)}


def component_messages(**platforms: str) -> dict[str, bytes]:
    return {
        f"homeassistant/{platform}/smartcar_car_lamp/{key}/config": b'{"unique_id":"x"}'
        for key, platform in platforms.items()
    }


def shown(steps: list[list[discovery.Message]]) -> list[list[tuple[str, Any]]]:
    """Messages as (last telling part of the topic, components or payload)."""
    return [[(tail(topic), content(payload)) for topic, payload in step] for step in steps]


def tail(topic: str) -> str:
    return "device" if topic == DISCOVERY else "/".join(topic.split("/")[1::2][:2])


def content(payload: bytes) -> Any:
    decoded = msgspec.json.decode(payload) if payload else None
    return decoded.get("components", decoded) if decoded else None


TEMP = {"platform": "sensor", "unique_id": "t"}
OLD = {"platform": "sensor", "unique_id": "o"}
OLD_AS_SWITCH = {"platform": "switch", "unique_id": "o"}


def test_nothing_before_means_the_announcement_alone() -> None:
    new = device_message(temp=TEMP)
    assert discovery.replace({}, new) == [list(new.items())]


def test_the_same_again_is_simply_sent_again() -> None:
    new = device_message(temp=TEMP)
    assert discovery.replace(new, new) == [list(new.items())]


def test_a_component_that_is_gone_is_removed_in_two_steps() -> None:
    messages = discovery.replace(device_message(temp=TEMP, old=OLD), device_message(temp=TEMP))
    assert shown(messages) == [[("device", {"temp": TEMP, "old": {"platform": "sensor"}}), ("device", {"temp": TEMP})]]


def test_a_component_of_another_platform_is_removed_before_it_comes_back() -> None:
    messages = discovery.replace(device_message(temp=TEMP, old=OLD), device_message(temp=TEMP, old=OLD_AS_SWITCH))
    assert shown(messages) == [
        [("device", {"temp": TEMP, "old": {"platform": "sensor"}}), ("device", {"temp": TEMP, "old": OLD_AS_SWITCH})]
    ]


def test_abbreviations_of_another_version_are_understood() -> None:
    old = {DISCOVERY: b'{"dev":{},"cmps":{"old":{"p":"sensor","uniq_id":"o"}}}'}
    assert shown(discovery.replace(old, device_message(temp=TEMP)))[0][0] == (
        "device",
        {"temp": TEMP, "old": {"platform": "sensor"}},
    )


@pytest.mark.parametrize(
    "stranger", [b"", b"nonsense", b"\xff", b"[1]", b"3", b'{"components": 3}', b'{"components": {"a": 3, "b": {}}}']
)
def test_what_a_stranger_left_there_is_overwritten(stranger: bytes) -> None:
    new = device_message(temp=TEMP)
    assert discovery.replace({DISCOVERY: stranger}, new) == [list(new.items())]


def test_from_device_to_components_the_entities_move() -> None:
    messages = discovery.replace(device_message(temp=TEMP, old=OLD), component_messages(temp="sensor"))
    assert shown(messages) == [
        [("device", {"migrate_discovery": True})],
        [("device", None), ("sensor/temp", {"unique_id": "x"})],
    ]


def test_from_components_to_device_those_move_that_stay_and_the_others_go() -> None:
    old = component_messages(temp="sensor", old="sensor")
    messages = discovery.replace(old, device_message(temp=TEMP))
    assert shown(messages) == [
        [("sensor/temp", {"migrate_discovery": True})],
        [("sensor/temp", None), ("sensor/old", None), ("device", {"temp": TEMP})],
    ]


def test_components_that_are_gone_are_removed_after_the_new_ones_have_come() -> None:
    old = component_messages(temp="sensor", old="sensor")
    assert shown(discovery.replace(old, component_messages(temp="sensor"))) == [
        [("sensor/temp", {"unique_id": "x"}), ("sensor/old", None)]
    ]


def test_a_component_message_of_another_platform_replaces_the_old_one() -> None:
    messages = discovery.replace(component_messages(thing="sensor"), component_messages(thing="switch"))
    assert shown(messages) == [[("switch/thing", {"unique_id": "x"}), ("sensor/thing", None)]]


@pytest.mark.parametrize("old", [device_message(temp=TEMP), component_messages(temp="sensor", other="switch"), {}])
def test_off_removes_all_that_was_announced(old: dict[str, bytes]) -> None:
    assert discovery.replace(old, {}) == [[(topic, b"") for topic in old]]


def test_the_real_announcements_can_replace_each_other() -> None:
    """In the end each wanted topic keeps the wanted message, and all others are empty."""
    styles = {mode: discovery.announcement(Lamp, TOPICS, config(discovery=mode)) for mode in MODES}
    for old in styles.values():
        for new in styles.values():
            retained = dict(old)
            for step in discovery.replace(old, new):
                retained.update(step)
            assert {topic: payload for topic, payload in retained.items() if payload} == new
