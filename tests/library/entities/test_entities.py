"""Every platform: what Home Assistant is told, which commands are read, which are refused, and wrong declarations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.commands import Parsed, Refused, Status
from smartcar_mqtt.entities import (
    BinarySensor,
    Button,
    Camera,
    Command,
    CommandEntity,
    DeclarationError,
    Entity,
    Event,
    Image,
    Light,
    Notify,
    Number,
    Select,
    Sensor,
    Siren,
    Stream,
    Switch,
    Text,
    Topics,
    Trigger,
    Update,
)
from smartcar_mqtt.entities.rules import DEVICE_CLASSES, NOT_NUMERIC, SENSOR_UNITS, unit_problem
from tests.library.example import Desk, Lamp
from tests.library.payloads import PAYLOADS, outcome

TOPICS = Topics("smartcar", "car", "lamp")


def declare(**entities: Any) -> type[Bridge]:
    """Make a bridge's class with these attributes, as a class statement does."""
    return type("Wrong", (Bridge,), {"name": "wrong", **entities})


def on(entity: CommandEntity) -> CommandEntity:
    """Give a command its method."""

    def handler(self: Bridge, value: Any) -> None: ...

    def press(self: Bridge) -> None: ...

    return entity(handler if entity.takes_value else press)


def entity_of(entity: Entity) -> Any:
    """Declare one entity and give it back."""
    return declare(thing=entity).entities["thing"]


# -- what Home Assistant is told -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "traits"),
    [
        (
            Sensor(unit="cm", device_class="distance", state_class="measurement", precision=1),
            {
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing }}",
                "unit_of_measurement": "cm",
                "state_class": "measurement",
                "suggested_display_precision": 1,
                "options": None,
            },
        ),
        (
            BinarySensor(),
            {
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing }}",
                "payload_on": "True",
                "payload_off": "False",
            },
        ),
        (on(Button()), {"command_topic": "smartcar/car/lamp/thing/set", "payload_press": "PRESS"}),
        (
            on(Number(minimum=0.1, maximum=5, step=0.1, unit="s", mode="slider")),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing }}",
                "min": 0.1,
                "max": 5,
                "step": 0.1,
                "mode": "slider",
                "unit_of_measurement": "s",
            },
        ),
        (
            on(Select(options=("a", "b"))),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing }}",
                "options": ["a", "b"],
            },
        ),
        (
            on(Switch()),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "payload_on": "ON",
                "payload_off": "OFF",
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing }}",
                "state_on": "True",
                "state_off": "False",
            },
        ),
        (
            on(Text(minimum=2, maximum=9)),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing | default('', true) }}",
                "min": 2,
                "max": 9,
            },
        ),
        (on(Notify()), {"command_topic": "smartcar/car/lamp/thing/set"}),
        (
            on(Update()),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "payload_install": "INSTALL",
                "state_topic": "smartcar/car/lamp/state",
                "value_template": "{{ value_json.thing | default({}, true) | tojson }}",
            },
        ),
        (
            on(Light(effects=("rainbow",))),
            {
                "schema": "json",
                "command_topic": "smartcar/car/lamp/thing/set",
                "state_topic": "smartcar/car/lamp/thing/state",
                "supported_color_modes": ["rgb"],
                "brightness": True,
                "effect": True,
                "effect_list": ["rainbow"],
            },
        ),
        (
            on(Siren(tones=("horn",))),
            {
                "command_topic": "smartcar/car/lamp/thing/set",
                "state_topic": "smartcar/car/lamp/thing/state",
                "available_tones": ["horn"],
                "support_duration": True,
                "support_volume_set": True,
            },
        ),
        (Event(types=("a", "b")), {"state_topic": "smartcar/car/lamp/thing", "event_types": ["a", "b"]}),
        (Image(), {"image_topic": "smartcar/car/lamp/thing", "content_type": "image/png"}),
        (Camera(), {"topic": "smartcar/car/lamp/thing"}),
        (Stream(example="{}"), {}),
        (on(Command(parse=Parsed, example="")), {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Entity) else "",
)
def test_traits(entity: Entity, traits: dict[str, Any]) -> None:
    assert entity_of(entity).traits(TOPICS) == traits


def test_a_name_is_made_of_the_attribute_in_sentence_case() -> None:
    wanted = declare(front_left_wheel=BinarySensor(), other=BinarySensor(name="GPS fix")).entities
    assert wanted["front_left_wheel"].name == "Front left wheel"
    assert wanted["other"].name == "GPS fix"


def test_entities_stand_in_the_order_of_declaration_with_those_of_every_bridge_first() -> None:
    assert list(Lamp.entities)[:6] == ["last_refused", "command_refused", "log_level", "warmth", "mood", "hardware"]


def test_a_subclass_inherits_entities_and_its_parent_gets_none_of_its_own() -> None:
    class Child(Lamp):
        name = "child"
        extra = BinarySensor()

    assert {"warmth", "extra"} <= Child.entities.keys()
    assert "extra" not in Lamp.entities


def test_a_handler_is_still_documented_on_its_entity() -> None:
    assert Bridge.log_level.__doc__ == "How much this bridge writes to its log."


def test_options_make_a_sensor_an_enumeration() -> None:
    assert entity_of(Sensor(options=("a", "b"))).device_class == "enum"


def test_an_event_with_triggers_offers_each_type() -> None:
    triggers = entity_of(Event(types=("short", "long"), trigger=True)).triggers(TOPICS)
    assert list(triggers) == ["thing_short", "thing_long"]
    assert triggers["thing_long"] == {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": "thing",
        "subtype": "long",
        "topic": "smartcar/car/lamp/thing",
        "payload": "long",
        "value_template": "{{ value_json.event_type }}",
    }
    assert entity_of(Event(types=("short",))).triggers(TOPICS) == {}
    assert list(entity_of(Trigger(types=("once",))).triggers(TOPICS)) == ["thing_once"]


def test_topics() -> None:
    assert TOPICS.base == "smartcar/car/lamp"
    assert TOPICS.availability == "smartcar/car/lamp/availability"
    assert TOPICS.state == "smartcar/car/lamp/state"
    assert TOPICS.result == "smartcar/car/lamp/result"
    assert TOPICS.commands == "smartcar/car/lamp/+/set"


# -- wrong declarations: found when the class is made ----------------------------------------------------------------


def sensor(**traits: Any) -> Callable[[], Entity]:
    return lambda: Sensor(**traits)


def wrong_method() -> Entity:
    def handler(self: Bridge) -> None: ...

    return Number(minimum=0, maximum=1)(handler)


def wrong_press() -> Entity:
    def handler(self: Bridge, value: int, request: object) -> None: ...

    return Button()(handler)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (sensor(device_class="warmth"), r"Wrong.thing: unknown sensor device class 'warmth' \(allowed: .*temperature"),
        (lambda: BinarySensor(device_class="distance"), "unknown binary_sensor device class 'distance'"),
        (
            lambda: on(Select(options=("a",), device_class="enum")),
            "unknown select device class 'enum'",
        ),
        (lambda: on(Button(device_class="reboot")), r"\(allowed: identify, restart, update\)"),
        (sensor(device_class="distance", unit="°C"), "unit '°C' does not fit device class 'distance'"),
        (sensor(device_class="distance"), "needs a unit: cm, ft"),
        (sensor(device_class="aqi", unit="ppm"), r"unit 'ppm' does not fit device class 'aqi' \(allowed: none\)"),
        (sensor(device_class="timestamp", unit="s"), "takes neither unit nor state class nor precision"),
        (sensor(device_class="date", state_class="measurement"), "takes neither unit nor state class"),
        (sensor(options=("a",), unit="cm"), "takes neither unit"),
        (sensor(options=("a",), device_class="distance"), "'enum' and options belong together"),
        (sensor(device_class="enum"), "'enum' and options belong together"),
        (sensor(state_class="sum"), r"unknown state class 'sum' \(allowed: measurement, "),
        (
            sensor(device_class="energy", unit="kWh", state_class="measurement"),
            "state class 'measurement' does not fit device class 'energy'",
        ),
        (sensor(category="config"), "a sensor cannot be in the category 'config'"),
        (lambda: BinarySensor(category="config"), "a binary_sensor cannot be in the category 'config'"),
        (lambda: Event(types=("a",), category="config"), "an? event cannot be in the category 'config'"),
        (lambda: on(Button(category="settings")), "unknown category 'settings'"),
        (sensor(icon="car"), "icon 'car' is not of the form mdi:name"),
        (sensor(icon="mdi:Car"), "is not of the form mdi:name"),
        (sensor(icon=""), "is not of the form mdi:name"),
        (sensor(requires=("nothing",)), "requires 'nothing', which is no binary sensor here"),
        (sensor(requires=("log_level",)), "requires 'log_level', which is no binary sensor here"),
        (lambda: on(Number(minimum=5, maximum=5)), "minimum 5 is not below maximum 5"),
        (lambda: on(Number(minimum=6, maximum=5)), "minimum 6 is not below maximum 5"),
        (lambda: on(Number(minimum=float("nan"), maximum=5)), "is not below maximum"),
        (lambda: on(Number(minimum=0, maximum=5, step=0)), "step 0 does not fit"),
        (lambda: on(Number(minimum=0, maximum=5, step=6)), "step 6 does not fit"),
        (lambda: on(Number(minimum=0, maximum=5, mode="dial")), "unknown mode 'dial'"),
        (lambda: on(Number(minimum=0, maximum=5, device_class="duration")), "needs a unit"),
        (lambda: on(Number(minimum=0, maximum=5, device_class="enum")), "unknown number device class 'enum'"),
        (lambda: on(Number(minimum=0, maximum=5, device_class="duration", unit="m")), "unit 'm' does not fit"),
        (lambda: on(Select(options=())), "needs options, each of them once"),
        (lambda: on(Select(options=("a", "a"))), "needs options, each of them once"),
        (lambda: on(Text(maximum=256)), "length 0 to 256 is not within 0 to 255"),
        (lambda: on(Text(minimum=9, maximum=8)), "length 9 to 8"),
        (lambda: on(Text(minimum=-1)), "length -1 to 255"),
        (lambda: on(Light(effects=("a", "a"))), "an effect is listed twice"),
        (lambda: Event(types=()), "needs types, each of them once"),
        (lambda: Event(types=("a", "a")), "needs types, each of them once"),
        (lambda: Image(content_type="text/plain"), "content type 'text/plain' is not image/..."),
        (Button, "has no method; use it as a decorator"),
        (wrong_method, r"the method must take \(self, value\) or \(self, value, request\)"),
        (wrong_press, r"the method must take \(self\) or \(self, request\)"),
    ],
)
def test_a_wrong_declaration_fails_when_the_class_is_made(make: Callable[[], Entity], problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        declare(thing=make())


@pytest.mark.parametrize("name", ["Upper", "with-dash", "_hidden", "1st", "größe"])
def test_a_name_must_serve_as_a_topic_and_as_an_id(name: str) -> None:
    with pytest.raises(DeclarationError, match="lower case letters, digits and underscores"):
        declare(**{name: BinarySensor()})


@pytest.mark.parametrize("name", ["attributes", "availability", "result", "state", "sync", "telemetry"])
def test_names_of_the_bridges_own_topics_are_reserved(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"Wrong.{name}: this name is reserved"):
        declare(**{name: BinarySensor()})


def test_only_a_stream_may_be_called_telemetry() -> None:
    assert "telemetry" in declare(telemetry=Stream(example="{}")).entities
    with pytest.raises(DeclarationError, match="reserved"):
        declare(state=Stream(example="{}"))


@pytest.mark.parametrize("name", ["update", "open", "close", "log_level", "last_refused", "config", "clock", "topics"])
def test_names_that_belong_to_every_bridge_are_taken(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"Wrong.{name}: this name belongs to every bridge"):
        declare(**{name: BinarySensor()})


def test_two_entities_of_one_platform_must_not_have_one_name() -> None:
    with pytest.raises(DeclarationError, match=r"Wrong.second: has the same name 'Thing' as first"):
        declare(first=BinarySensor(name="Thing"), second=BinarySensor(name="Thing"))
    declare(first=BinarySensor(name="Thing"), second=Sensor(name="Thing"))


def test_an_entity_must_not_have_the_id_of_a_device_trigger() -> None:
    with pytest.raises(DeclarationError, match="touched_long is both an entity and a device trigger"):
        declare(touched=Event(types=("long",), trigger=True), touched_long=BinarySensor())


def test_every_device_class_with_each_of_its_units_can_be_declared() -> None:
    for name, units in SENSOR_UNITS.items():
        for unit in units or {""}:
            options = ("a",) if name == "enum" else ()
            declare(thing=Sensor(device_class=name, unit=unit or None, options=options))
            if name not in NOT_NUMERIC:
                declare(thing=on(Number(minimum=0, maximum=1, device_class=name, unit=unit or None)))
    for name in DEVICE_CLASSES["binary_sensor"]:
        declare(thing=BinarySensor(device_class=name))


def test_unit_problem_names_the_units_that_fit() -> None:
    assert unit_problem("battery", "%") is None
    assert unit_problem("power_factor", None) is None
    assert unit_problem("battery", None) == "needs a unit: %"
    assert unit_problem("battery", "V") == "unit 'V' does not fit device class 'battery' (allowed: %)"


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "value", "published"),
    [
        (Sensor(unit="cm"), 3, 3),
        (Sensor(unit="cm"), None, None),
        (Sensor(unit="cm", precision=1), 3.14159, 3.1),
        (Sensor(precision=0), 3.7, 4),
        (Sensor(), "x" * 300, "x" * 255),
        (Sensor(), 5, "5"),
        (Sensor(options=("a", "b")), "a", "a"),
        (Sensor(options=("a", "b")), None, None),
        (BinarySensor(), True, True),
        (BinarySensor(), None, None),
        (on(Number(minimum=0, maximum=5)), 5, 5),
        (on(Number(minimum=0, maximum=5)), None, None),
        (on(Select(options=("a",))), "a", "a"),
        (on(Switch()), False, False),
        (on(Text(maximum=3)), "abcdef", "abc"),
        (on(Update()), None, None),
        (
            on(Update()),
            {"installed_version": "1", "latest_version": None, "update_percentage": None},
            {"installed_version": "1", "update_percentage": None},
        ),
        (on(Light()), None, None),
        (on(Light()), {"state": True}, {"state": "ON", "color_mode": "rgb"}),
        (
            on(Light()),
            {"state": "OFF", "brightness": 7},
            {"state": "OFF", "brightness": 7, "color_mode": "rgb"},
        ),
        (on(Siren()), {"state": False, "duration": 3}, {"state": "OFF", "duration": 3}),
    ],
)
def test_values_as_they_are_published(entity: Entity, value: Any, published: Any) -> None:
    found = entity_of(entity).check_value(value)
    assert found == published
    assert type(found) is type(published)


@pytest.mark.parametrize(
    ("entity", "value"),
    [
        (Sensor(unit="cm"), "far"),
        (Sensor(unit="cm"), True),
        (Sensor(unit="cm"), float("nan")),
        (Sensor(precision=0), float("inf")),
        (Sensor(device_class="aqi"), "bad"),
        (Sensor(options=("a", "b")), "c"),
        (BinarySensor(), 1),
        (BinarySensor(), "ON"),
        (on(Number(minimum=0, maximum=5)), 6),
        (on(Number(minimum=0, maximum=5)), "3"),
        (on(Number(minimum=0, maximum=5)), True),
        (on(Number(minimum=0, maximum=5)), float("nan")),
        (on(Select(options=("a",))), "b"),
        (on(Switch()), "ON"),
        (on(Update()), "1.0"),
        (on(Update()), {"latest_version": "2"}),
        (on(Update()), {"installed_version": "1", "colour": "red"}),
        (on(Light()), True),
        (on(Light()), {"brightness": 3}),
        (on(Siren()), {"duration": 3}),
    ],
)
def test_values_that_home_assistant_would_refuse_are_errors(entity: Entity, value: Any) -> None:
    with pytest.raises(ValueError, match="thing: "):
        entity_of(entity).check_value(value)


def test_an_attribute_of_the_bridge_is_the_entitys_value(desk: Desk) -> None:
    assert desk.lamp.warmth is None
    desk.lamp.warmth = 21.55
    assert desk.lamp.warmth == 21.6
    desk.pass_time(1)
    assert desk.states()[-1]["warmth"] == 21.6


@pytest.mark.parametrize("key", ["touched", "picture", "view", "samples", "knocked"])
def test_what_has_no_value_cannot_be_set(desk: Desk, key: str) -> None:
    with pytest.raises(AttributeError, match=f"Lamp.{key} has no value to set"):
        setattr(desk.lamp, key, 1)


def test_an_event_is_published_with_its_type_first_and_never_retained(desk: Desk) -> None:
    desk.lamp.touched.fire("short", pressure=3)
    (sent,) = desk.broker.on("smartcar/car/lamp/touched")
    assert sent.payload == b'{"event_type":"short","pressure":3}'
    assert (sent.qos, sent.retain) == (1, False)


def test_an_event_of_an_undeclared_type_is_an_error(desk: Desk) -> None:
    with pytest.raises(ValueError, match="touched: 'pat' is not one of short, long"):
        desk.lamp.touched.fire("pat")


def test_images_are_retained_and_camera_pictures_are_not(desk: Desk) -> None:
    desk.lamp.picture.show(b"png")
    desk.lamp.view.show(b"jpeg")
    assert [message.retain for message in desk.broker.on("smartcar/car/lamp/picture")] == [True]
    assert [message.retain for message in desk.broker.on("smartcar/car/lamp/view")] == [False]


@pytest.mark.parametrize("key", ["picture", "view"])
def test_an_empty_picture_is_an_error(desk: Desk, key: str) -> None:
    with pytest.raises(ValueError, match="an empty picture cannot be shown"):
        getattr(desk.lamp, key).show(b"")


# -- commands: read and refused --------------------------------------------------------------------------------------

PERCENT = on(Number(minimum=0, maximum=100, unit="%"))
SECONDS = on(Number(minimum=0.1, maximum=5, step=0.1))
TINT = on(Select(options=("warm", "cold")))
LABEL = on(Text(maximum=5))
LONG_LABEL = on(Text(minimum=2, maximum=255))
NOTICE = on(Notify(maximum=10))
RING = on(Light(effects=("rainbow",)))
HORN = on(Siren(tones=("horn",)))
for _entity in (PERCENT, SECONDS, TINT, LABEL, LONG_LABEL, NOTICE, RING, HORN):
    declare(thing=_entity)


@pytest.mark.parametrize(
    ("entity", "payload", "value"),
    [
        (Button(), b"PRESS", None),
        (Button(), b"press", None),
        (Button(), b"{}", None),
        (Button(), b'{"value": "PRESS"}', None),
        (PERCENT, b"42", 42),
        (PERCENT, b"42.0", 42),
        (PERCENT, b'{"value": 42}', 42),
        (PERCENT, b'{"value": "42"}', 42),
        (PERCENT, b"0", 0),
        (PERCENT, b"100", 100),
        (PERCENT, b"1e2", 100),
        (SECONDS, b"0.1", 0.1),
        (SECONDS, b"2.55", 2.55),
        (TINT, b"warm", "warm"),
        (TINT, b'{"value": "cold"}', "cold"),
        (Switch(), b"ON", True),
        (Switch(), b"off", False),
        (Switch(), b'{"value": true}', True),
        (Switch(), b'{"value": "OFF"}', False),
        (LABEL, b"abc", "abc"),
        (LABEL, b"{abc}", "{abc}"),
        (LABEL, b"", ""),
        (LABEL, b"  ", ""),
        (LABEL, b'{"value": ""}', ""),
        (NOTICE, b"hello", "hello"),
        (NOTICE, b'{"a": 1}', '{"a": 1}'),
        (NOTICE, b'{"value": "hi"}', "hi"),
        (Update(), b"INSTALL", None),
        (RING, b"ON", {"state": True}),
        (RING, b'{"state": "OFF"}', {"state": False}),
        (
            RING,
            b'{"state":"ON","brightness":255,"color":{"r":1,"g":2,"b":3},"transition":2,"effect":"rainbow"}',
            {
                "state": True,
                "brightness": 255,
                "color": {"r": 1, "g": 2, "b": 3},
                "transition": 2,
                "effect": "rainbow",
            },
        ),
        (RING, b'{"state":"ON","brightness":null,"effect":null}', {"state": True}),
        (HORN, b'{"state":"ON","tone":"horn","duration":2,"volume_level":0.5}', None),
    ],
)
def test_commands_are_read(entity: CommandEntity, payload: bytes, value: Any) -> None:
    parsed = entity.parse(payload)
    if entity is HORN:
        value = {"state": True, "tone": "horn", "duration": 2, "volume_level": 0.5}
    assert parsed.value == value
    assert type(parsed.value) is type(value)


@pytest.mark.parametrize("entity", [PERCENT, TINT, Switch(), LABEL, NOTICE, Button(), Update()])
def test_every_envelope_carries_source_and_id(entity: CommandEntity) -> None:
    value = {PERCENT: 1, TINT: "warm"}.get(entity, "ON")
    if isinstance(entity, Button | Update):
        value = None
    parsed = entity.parse(msgspec.json.encode({"value": value, "source": "voice", "id": "n-1"}))
    assert (parsed.source, parsed.id) == ("voice", "n-1")


@pytest.mark.parametrize("entity", [RING, HORN])
def test_objects_carry_source_and_id_too(entity: CommandEntity) -> None:
    parsed = entity.parse(b'{"state": "ON", "source": "voice", "id": 3}')
    assert parsed == Parsed({"state": True}, "voice", 3)


@pytest.mark.parametrize(
    ("entity", "payload", "reason"),
    [
        (Button(), b"", "the payload is empty"),
        (Button(), b"ON", "'ON' is not PRESS"),
        (Button(), b'{"value": 1}', "'1' is not PRESS"),
        (Update(), b"PRESS", "'PRESS' is not INSTALL"),
        (PERCENT, b"fast", "'fast' is not a number"),
        (PERCENT, b"101", r"101 is out of range \(allowed: 0 to 100 %\)"),
        (PERCENT, b"-1", "-1 is out of range"),
        (PERCENT, b"42.5", "42.5 is not a whole number"),
        (PERCENT, b"nan", "'nan' is not a number"),
        (PERCENT, b"inf", "'inf' is not a number"),
        (PERCENT, b'{"value": true}', "'True' is not a number"),
        (PERCENT, b'{"value": null}', "'None' is not a number"),
        (PERCENT, b'{"value": [1]}', "is not a number"),
        (PERCENT, b'{"value": 1%s}' % (b"0" * 400), "a whole number is too large"),
        (PERCENT, b"", "the payload is empty"),
        (SECONDS, b"0.05", r"0.05 is out of range \(allowed: 0.1 to 5\)"),
        (TINT, b"hot", r"'hot' is not an option \(allowed: warm, cold\)"),
        (TINT, b"WARM", "'WARM' is not an option"),
        (TINT, b'{"value": ["warm"]}', "is not an option"),
        (Switch(), b"maybe", "'maybe' is neither ON nor OFF"),
        (Switch(), b"1", "'1' is neither ON nor OFF"),
        (Switch(), b"{}", "'None' is neither ON nor OFF"),
        (LABEL, b"abcdef", r"6 characters \(allowed: 0 to 5\)"),
        (LONG_LABEL, b"", r"0 characters \(allowed: 2 to 255\)"),
        (LABEL, b"\xff", "not UTF-8"),
        (NOTICE, b"", "the payload is empty"),
        (NOTICE, b"x" * 11, r"11 characters \(allowed: at most 10\)"),
        (RING, b"BLINK", "'BLINK' is neither ON nor OFF"),
        (RING, b'{"brightness": 3}', "state is missing"),
        (RING, b'{"state": null}', "'None' is neither ON nor OFF"),
        (RING, b'{"state": "ON", "brightness": 256}', r"brightness 256 is out of range \(allowed: 0 to 255\)"),
        (RING, b'{"state": "ON", "brightness": "x"}', "brightness 'x' is not a number"),
        (RING, b'{"state": "ON", "brightness": true}', "brightness 'True' is not a number"),
        (RING, b'{"state": "ON", "transition": -1}', "transition -1 is out of range"),
        (RING, b'{"state": "ON", "effect": "disco"}', r"unknown effect 'disco' \(allowed: rainbow\)"),
        (RING, b'{"state": "ON", "color": {"r": 1}}', "color must have r, g and b"),
        (RING, b'{"state": "ON", "color": {"r": 1, "g": null, "b": 3}}', "color must have r, g and b"),
        (RING, b'{"state": "ON", "color": {"r": 1, "g": 2, "b": 300}}', "b 300 is out of range"),
        (RING, b'{"state": "ON", "color": "red"}', "color must have r, g and b"),
        (RING, b'{"state": "ON", "speed": 3}', "unknown field 'speed'; known are state, brightness"),
        (HORN, b'{"state": "ON", "tone": "bell"}', r"unknown tone 'bell' \(allowed: horn\)"),
        (HORN, b'{"state": "ON", "volume_level": 2}', "volume_level 2 is out of range"),
        (HORN, b'{"state": "ON", "duration": 4000}', "duration 4000 is out of range"),
        (HORN, b"[1]", "neither ON nor OFF"),
    ],
)
def test_what_is_wrong_is_refused_with_a_reason(entity: CommandEntity, payload: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        entity.parse(payload)


def test_only_what_makes_the_car_safer_is_always_obeyed() -> None:
    assert Button(only_safer=True).always_obeyed(None)
    assert not Button().always_obeyed(None)
    assert Switch(on_is_safer=True).always_obeyed(True)
    assert not Switch(on_is_safer=True).always_obeyed(False)
    assert not Switch().always_obeyed(True)
    assert not PERCENT.always_obeyed(0)


COMMANDS = {key: entity for key, entity in Lamp.entities.items() if isinstance(entity, CommandEntity)}


@pytest.mark.parametrize("key", COMMANDS)
@settings(max_examples=150)
@given(PAYLOADS)
@example(b'{"value": 1' + b"0" * 400 + b"}")
@example(b'{"state": "ON", "brightness": 1' + b"0" * 400 + b"}")
@example(b'{"state": "ON", "color": {"r": 1' + b"0" * 400 + b', "g": 0, "b": 0}}')
@example(b'{"value":' + b"[" * 900 + b"]" * 900 + b"}")
@example(b'{"state":"ON","flash":' + b"[" * 900 + b"]" * 900 + b"}")
def test_any_bytes_are_a_command_or_refused(key: str, payload: bytes) -> None:
    found = outcome(COMMANDS[key].parse, payload)
    assert isinstance(found, Parsed) or (found.status is Status.REFUSED and str(found))


@given(st.integers(-1000, 1000) | st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_that_is_read_is_always_one_that_may_be_published(value: float) -> None:
    for entity in (PERCENT, SECONDS):
        try:
            parsed = entity.parse(str(value).encode())
        except Refused:
            continue
        assert entity.check_value(parsed.value) == parsed.value
