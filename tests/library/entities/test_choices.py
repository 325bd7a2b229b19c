"""Lists that people choose from: what is understood, what Home Assistant shows, and which lists cannot be shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.commands import Refused
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.entities import DeclarationError, Select, Sensor, Topics, friendly
from smartcar_mqtt.entities.choices import Choices, command_template, shown_template
from smartcar_mqtt.service import find_bridge

TOPICS = Topics("smartcar", "car", "lamp")
MODES = {"off": "Off", "on_no_stream": "Detect only", "on_with_stream": "Detect and stream"}


def select(options: Any) -> Select:
    """A declared select."""

    def handler(self: Bridge, value: str) -> None: ...

    kind = type("Chosen", (Bridge,), {"name": "chosen", "thing": Select(options=options)(handler)})
    found: Select = kind.entities["thing"]
    return found


def rendered(template: str, **values: Any) -> str:
    """What a template makes of values; Home Assistant's templates are Jinja's."""
    return Environment(autoescape=False).from_string(template).render(**values).strip()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on_with_stream", "on_with_stream"),
        ("ON_WITH_STREAM", "on_with_stream"),
        ("on with stream", "on_with_stream"),
        ("On-With-Stream", "on_with_stream"),
        ("  onwithstream ", "on_with_stream"),
        ("Detect and stream", "on_with_stream"),
        ("detect_and_stream", "on_with_stream"),
        ("DETECT ONLY", "on_no_stream"),
        ("OFF", "off"),
    ],
)
def test_values_and_words_are_understood_in_any_spelling(written: str, value: str) -> None:
    assert select(MODES).parse(written.encode()).value == value


@pytest.mark.parametrize("written", ["of", "on", "detect", "", "-", "off!", "0ff"])
def test_nothing_is_guessed(written: str) -> None:
    assert Choices(MODES).find(written) is None


def test_a_value_in_its_own_spelling_means_itself_and_what_could_be_two_means_none() -> None:
    choices = Choices(("-1", "0", "1", "eco", "ECO"))
    assert [choices.find(each) for each in ("-1", "1", "eco", "ECO", "Eco", "_1")] == [
        "-1",
        "1",
        "eco",
        "ECO",
        None,
        None,
    ]


@pytest.mark.parametrize("written", [None, 1, True, ["off"], {"off": 1}, 1.5])
def test_what_is_no_text_is_no_choice(written: object) -> None:
    assert Choices(MODES).find(written) is None
    assert written not in Choices(MODES)


def test_home_assistant_gets_words_and_topics_keep_values() -> None:
    traits = select(MODES).traits(TOPICS)
    assert traits["options"] == list(MODES.values())
    for value, word in MODES.items():
        assert rendered(traits["value_template"], value_json={"thing": value}) == word
        assert rendered(traits["command_template"], value=word) == value
    assert rendered(traits["value_template"], value_json={"thing": None}) == "None"  # unknown, to Home Assistant
    assert select(MODES).check_value("off") == "off"


def test_a_sensor_may_show_words_for_its_values_too() -> None:
    sensor = Sensor(options=friendly(["idle", "wakeword_detected"]))
    sensor.key = "phase"
    traits = sensor.traits(TOPICS)
    assert (sensor.device_class, traits["options"]) == ("enum", ["Idle", "Wakeword detected"])
    assert rendered(traits["value_template"], value_json={"phase": "wakeword_detected"}) == "Wakeword detected"
    assert sensor.check_value("idle") == "idle"


def test_options_whose_words_are_the_values_need_no_templates() -> None:
    traits = select(("high", "low")).traits(TOPICS)
    assert (traits["options"], traits["value_template"]) == (["high", "low"], "{{ value_json.thing }}")
    assert "command_template" not in traits


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1, max_size=5))
def test_templates_carry_any_text(words: dict[str, str]) -> None:
    template = shown_template("thing", words)
    for value, word in words.items():
        assert rendered(template, value_json={"thing": value}) == word.strip()
    if len(set(words.values())) == len(words):
        for value, word in words.items():
            assert rendered(command_template(words), value=word) == value.strip()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"a": "Same", "b": "Same"}, "'a' and 'b' are both shown as 'Same'"),
        ({"a": "b", "b": "B"}, "'a' is shown as 'b', which is another value"),
        ({"none": "None"}, "Home Assistant takes 'None' for no value"),
        (("unknown", "known"), "Home Assistant takes 'unknown' for no value"),
        ({"a": ""}, "'' cannot be shown"),
        ({"a": " A"}, "cannot be shown"),
        ({"a": "x" * 256}, "cannot be shown"),
        ({"a": "A\nB"}, "cannot be shown"),
    ],
)
def test_words_that_home_assistant_could_not_show_are_wrong_declarations(options: Any, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        select(options)


def test_a_list_of_a_thousand_can_be_chosen_from_and_a_refusal_stays_short() -> None:
    entity = select(friendly(f"place_{number}" for number in range(1000)))
    assert entity.parse(b"Place 999").value == "place_999"
    with pytest.raises(Refused, match=r"'plaice_12' is not an option .*place_12, .* and 976 more") as refusal:
        entity.parse(b"plaice_12")
    assert len(str(refusal.value)) < 400


def test_every_select_of_the_car_shows_words_for_people() -> None:
    selects = [
        entity
        for name in bridge_names()
        for entity in find_bridge(name).entities.values()
        if isinstance(entity, Select)
    ]
    assert len(selects) >= len(bridge_names()) + 2
    for entity in selects:
        for value, word in entity.choices.words.items():
            assert word[0].isupper(), (entity.key, value, word)
            assert "_" not in word, (entity.key, value, word)
