"""The face in a real Home Assistant: chosen there, seen there, and changed by what the car and its assistant do."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops

from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.portrait import Portrait, png
from smartcar_mqtt.entities import friendly
from tests.display.display_process import DisplayProcess
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.registry import State
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer

pytestmark = pytest.mark.homeassistant

CAR = "smartcar/facy"
PREFIX = "facy_face_display"
SELECT = f"select.{PREFIX}_expression"
FACE = f"image.{PREFIX}_face"
MESSAGE = f"text.{PREFIX}_message"
# key: platform, device class, unit, category (None where there is none)
EXPECTED = {
    "last_refused": ("sensor", None, None, "diagnostic"),
    "broker_problem": ("sensor", None, None, "diagnostic"),
    "command_refused": ("event", None, None, None),
    "log_level": ("select", None, None, "config"),
    "follow_assistant": ("switch", None, None, None),
    "expression": ("select", None, None, None),
    "message": ("text", None, None, None),
    "face": ("image", None, None, None),
    "shown_by": ("sensor", "enum", None, None),
    "brightness": ("number", None, "%", None),
    "link": ("binary_sensor", "connectivity", None, "diagnostic"),
    "backlight": ("binary_sensor", None, None, "diagnostic"),
}
UNAVAILABLE = {"brightness"}
"""A file has no backlight."""


@pytest.fixture(scope="module")
def display(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DisplayProcess]:
    mark = home_assistant.log_mark()
    settings = {"CAR__ID": "facy", "CAR__NAME": "Facy"}
    with DisplayProcess(home_assistant_broker, tmp_path_factory.mktemp("display"), settings) as process:
        home_assistant.wait_state(f"binary_sensor.{PREFIX}_panel", "on", timeout=20)
        home_assistant.wait_mqtt_settled()
        home_assistant.assert_no_warnings(mark)
        yield process
    home_assistant.assert_no_warnings(mark)


@pytest.fixture
def others(home_assistant_broker: Mosquitto) -> Iterator[Observer]:
    """Speaks for the car's other bridges; forgotten at the end."""
    with Observer(home_assistant_broker.port, client_id="others") as others:
        yield others
        for topic in ("orchestrator/state", "orchestrator/availability", "motion/state"):
            others.send(f"{CAR}/{topic}", b"", retain=True)


WORDS = friendly(EXPRESSIONS)
"""What Home Assistant shows for each expression."""


def is_known(state: State) -> bool:
    return state.state in WORDS.values()


def choose(home_assistant: HomeAssistant, expression: str) -> None:
    home_assistant.call_service("select", "select_option", {"entity_id": SELECT, "option": WORDS[expression]})
    home_assistant.wait_state(SELECT, WORDS[expression])


def looks(home_assistant: HomeAssistant, expression: str, text: str = "") -> bool:
    """Whether the picture that Home Assistant has is that of this expression."""
    content_type, encoded = home_assistant.image(FACE)
    assert content_type == "image/png"
    wanted = png(Portrait(EXPRESSIONS[expression], text, 480, 320, "dark"))
    pair = [Image.open(io.BytesIO(each)).convert("RGB") for each in (encoded, wanted)]
    return pair[0].size == pair[1].size and ImageChops.difference(*pair).getbbox() is None


def wait_looks(home_assistant: HomeAssistant, expression: str, text: str = "") -> None:
    """Wait until Home Assistant's picture is that of this expression."""
    with home_assistant.watch(FACE) as face:
        face.wait()  # the present one
        while not looks(home_assistant, expression, text):
            face.wait()


def test_every_entity_is_there(home_assistant: HomeAssistant, display: DisplayProcess) -> None:
    rows = [row for row in home_assistant.entity_registry() if row.unique_id.startswith("facy_display_")]
    found = {
        row.unique_id.removeprefix("facy_display_"): (row.domain, row.device_class, row.unit, row.entity_category)
        for row in rows
    }
    assert found == EXPECTED
    assert {row.device for row in rows} == {"Facy Face display"}
    unavailable = {row.unique_id.removeprefix("facy_display_") for row in rows if row.state == "unavailable"}
    assert unavailable == UNAVAILABLE


def test_the_select_has_all_expressions(home_assistant: HomeAssistant, display: DisplayProcess) -> None:
    assert home_assistant.wait_state(SELECT, is_known).attributes["options"] == list(WORDS.values())


def test_an_expression_that_is_chosen_there_is_seen_there(
    home_assistant: HomeAssistant, display: DisplayProcess
) -> None:
    for expression in ("happy", "sad", "sleep"):
        choose(home_assistant, expression)
        wait_looks(home_assistant, expression)


def test_an_expression_may_be_sent_as_value_or_as_word(
    home_assistant: HomeAssistant, display: DisplayProcess, others: Observer
) -> None:
    for written, shown in (("look_left", "Look left"), ("Look right", "Look right"), ("LOOK-UP", "Look up")):
        others.send(f"{CAR}/display/expression/set", written)
        home_assistant.wait_state(SELECT, shown)


def test_a_message_stands_below_the_face_for_as_long_as_it_shall(
    home_assistant: HomeAssistant, display: DisplayProcess, others: Observer
) -> None:
    choose(home_assistant, "look_up")
    home_assistant.call_service("text", "set_value", {"entity_id": MESSAGE, "value": "Grüße 😀"})
    home_assistant.wait_state(MESSAGE, "Grüße 😀")
    wait_looks(home_assistant, "look_up", "Grüße 😀")
    others.send(f"{CAR}/display/message/set", '{"value": "Soon gone", "seconds": 1}')
    home_assistant.wait_state(MESSAGE, "Soon gone")
    home_assistant.wait_state(MESSAGE, "")
    wait_looks(home_assistant, "look_up")


def test_the_assistant_takes_the_face_and_gives_it_back(
    home_assistant: HomeAssistant, display: DisplayProcess, others: Observer
) -> None:
    choose(home_assistant, "happy")
    others.send(f"{CAR}/orchestrator/availability", b"online", retain=True)
    others.send(f"{CAR}/orchestrator/state", '{"phase": "listening"}', retain=True)
    home_assistant.wait_state(SELECT, "Listening")
    home_assistant.wait_state(f"sensor.{PREFIX}_shown_by", "assistant")
    wait_looks(home_assistant, "listening")
    others.send(f"{CAR}/orchestrator/state", '{"phase": "idle"}', retain=True)
    home_assistant.wait_state(SELECT, "Happy")
    home_assistant.wait_state(f"sensor.{PREFIX}_shown_by", "user")
    wait_looks(home_assistant, "happy")


def test_an_assistant_that_goes_offline_is_shown_unless_nobody_wants_to_know(
    home_assistant: HomeAssistant, display: DisplayProcess, others: Observer
) -> None:
    choose(home_assistant, "happy")
    others.send(f"{CAR}/orchestrator/availability", b"online", retain=True)
    others.send(f"{CAR}/orchestrator/availability", b"offline", retain=True)
    home_assistant.wait_state(SELECT, "Sad")
    wait_looks(home_assistant, "sad", "Assistant offline")
    switch = {"entity_id": f"switch.{PREFIX}_follow_assistant"}
    home_assistant.call_service("switch", "turn_off", switch)
    home_assistant.wait_state(SELECT, "Happy")
    home_assistant.call_service("switch", "turn_on", switch)
    home_assistant.wait_state(SELECT, "Sad")


def test_the_emergency_stop_is_shown(home_assistant: HomeAssistant, display: DisplayProcess, others: Observer) -> None:
    choose(home_assistant, "happy")
    others.send(f"{CAR}/motion/state", '{"emergency_stop": true, "link": true}', retain=True)
    home_assistant.wait_state(f"sensor.{PREFIX}_shown_by", "safety")
    wait_looks(home_assistant, "sad", "Emergency stop")


def test_everything_is_back_after_a_restart_of_the_bridge(
    home_assistant: HomeAssistant, home_assistant_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("again")
    settings = {"CAR__ID": "facy2", "CAR__NAME": "Again", "CAR__STATE_DIRECTORY": folder}
    select = "select.again_face_display_expression"
    with DisplayProcess(home_assistant_broker, tmp_path_factory.mktemp("first"), settings):
        home_assistant.wait_state(select, "Base", timeout=20)
        home_assistant.wait_mqtt_settled()
        home_assistant.call_service("select", "select_option", {"entity_id": select, "option": "Curious"})
        home_assistant.wait_state(select, "Curious")
    home_assistant.wait_state(select, "unavailable")
    with DisplayProcess(home_assistant_broker, tmp_path_factory.mktemp("second"), settings):
        home_assistant.wait_state(select, "Curious", timeout=20)
