"""The LED ring in a real Home Assistant: a light with effects that shows what the ring shows, whoever wanted it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image

from bridges.led.effects.registry import EFFECTS
from tests.e2e.home_assistant import HomeAssistant
from tests.e2e.registry import State
from tests.led.bus import FakeBus
from tests.led.conftest import fake_bus
from tests.led.rig import LedRig
from tests.support.mosquitto import Mosquitto

pytestmark = pytest.mark.homeassistant

CAR = "smartcar/ringo"
LIGHT = "light.ringo_led_ring_ring_light"
DARK = [(0, 0, 0)] * 16
# key: platform, device class, unit, category (None where there is none)
EXPECTED = {
    "last_refused": ("sensor", None, None, "diagnostic"),
    "broker_problem": ("sensor", None, None, "diagnostic"),
    "command_refused": ("event", None, None, None),
    "log_level": ("select", None, None, "config"),
    "follow_assistant": ("switch", None, None, None),
    "ring": ("light", None, None, None),
    "shown_by": ("sensor", "enum", None, None),
    "current": ("sensor", "current", None, "diagnostic"),  # disabled: its unit is not known yet
    "link": ("binary_sensor", "connectivity", None, "diagnostic"),
    "picture": ("image", None, None, None),
}


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeBus]:
    with pytest.MonkeyPatch.context() as patch:
        yield fake_bus(tmp_path_factory.mktemp("spi"), patch)


@pytest.fixture(scope="module")
def ring(
    home_assistant: HomeAssistant,
    home_assistant_broker: Mosquitto,
    bus: FakeBus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LedRig]:
    mark = home_assistant.log_mark()
    with LedRig(
        tmp_path_factory.mktemp("led"),
        bus,
        broker=home_assistant_broker,
        CAR__ID="ringo",
        CAR__NAME="Ringo",
        MQTT__BIRTH_DELAY=0.2,
        LED__PICTURE="animated",
    ) as rig:
        home_assistant.wait_state("binary_sensor.ringo_led_ring_ring", "on", timeout=20)
        home_assistant.wait_mqtt_settled()
        home_assistant.assert_no_warnings(mark)
        yield rig
    home_assistant.assert_no_warnings(mark)


def turn(home_assistant: HomeAssistant, service: str, **fields: object) -> None:
    """Call one of the light's services."""
    home_assistant.call_service("light", service, {"entity_id": LIGHT, **fields})


def has(**attributes: object) -> object:
    """Matches a state with these attributes."""
    return lambda state: attributes.items() <= {**state.attributes, "state": state.state}.items()


def wait_ring(ring: LedRig, colours: list[tuple[int, int, int]]) -> None:
    """Wait until the pixels have these colours."""
    while ring.bus.newest != colours:
        ring.ask()


def test_every_entity_is_there(home_assistant: HomeAssistant, ring: LedRig) -> None:
    rows = [row for row in home_assistant.entity_registry() if row.unique_id.startswith("ringo_led_")]
    found = {
        row.unique_id.removeprefix("ringo_led_"): (row.domain, row.device_class, row.unit, row.entity_category)
        for row in rows
    }
    assert found == EXPECTED
    assert {row.device for row in rows} == {"Ringo LED ring"}
    assert {row.unique_id for row in rows if row.disabled_by} == {"ringo_led_current"}


def test_the_light_lists_all_effects(home_assistant: HomeAssistant, ring: LedRig) -> None:
    light = home_assistant.wait_state(LIGHT, "on")
    assert light.attributes["effect_list"] == list(EFFECTS)
    assert light.attributes["effect"] == "idle"
    assert light.attributes["supported_color_modes"] == ["rgb"]


def test_home_assistant_turns_it_to_an_effect_in_a_colour(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="comet", brightness=100, rgb_color=[0, 0, 255], transition=0)
    home_assistant.wait_state(LIGHT, has(effect="comet", brightness=100, rgb_color=[0, 0, 255]))
    ring.wait_frames(5)
    assert all((red, green) == (0, 0) for red, green, _ in ring.bus.newest)
    assert 70 <= max(blue for _, _, blue in ring.bus.newest) <= 100  # its head is between two pixels


def test_off_and_on_again(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="solid", brightness=255, rgb_color=[9, 8, 7], transition=0)
    home_assistant.wait_state(LIGHT, has(effect="solid", rgb_color=[9, 8, 7]))
    turn(home_assistant, "turn_off", transition=0.1)
    home_assistant.wait_state(LIGHT, "off")
    wait_ring(ring, DARK)
    turn(home_assistant, "turn_on")
    home_assistant.wait_state(LIGHT, has(state="on", effect="solid", rgb_color=[9, 8, 7]))
    wait_ring(ring, [(9, 8, 7)] * 16)


def test_a_colour_from_the_wheel_ends_an_effect_that_has_its_own(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="rainbow")
    home_assistant.wait_state(LIGHT, has(effect="rainbow"))
    turn(home_assistant, "turn_on", rgb_color=[0, 200, 0])
    home_assistant.wait_state(LIGHT, has(effect="solid", rgb_color=[0, 200, 0]))


def test_a_flash_is_carried_out(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="solid", rgb_color=[1, 1, 1], brightness=255, transition=0)
    wait_ring(ring, [(1, 1, 1)] * 16)
    turn(home_assistant, "turn_on", flash="short", rgb_color=[255, 0, 0], brightness=200, transition=0)
    home_assistant.wait_state(LIGHT, has(state="on", rgb_color=[255, 0, 0], brightness=200))
    wait_ring(ring, DARK)
    wait_ring(ring, [(200, 0, 0)] * 16)


def test_switching_off_with_a_flash_leaves_it_off(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="solid", rgb_color=[0, 90, 0], brightness=255, transition=0)
    wait_ring(ring, [(0, 90, 0)] * 16)
    turn(home_assistant, "turn_off", flash="short")
    home_assistant.wait_state(LIGHT, "off")
    wait_ring(ring, DARK)
    wait_ring(ring, [(0, 90, 0)] * 16)  # it flashes once more
    wait_ring(ring, DARK)
    assert home_assistant.wait_state(LIGHT, "off")


def test_the_assistants_phase_comes_first_and_the_light_comes_back(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="solid", rgb_color=[0, 0, 90])
    home_assistant.wait_state(LIGHT, has(effect="solid"))
    ring.observer.send(f"{CAR}/orchestrator/availability", "online", retain=True)
    ring.observer.send(f"{CAR}/orchestrator/state", json.dumps({"phase": "thinking"}), retain=True)
    home_assistant.wait_state(LIGHT, has(effect="thinking"))
    home_assistant.wait_state("sensor.ringo_led_ring_shown_by", "assistant")
    ring.observer.send(f"{CAR}/orchestrator/state", json.dumps({"phase": "idle"}), retain=True)
    home_assistant.wait_state(LIGHT, has(effect="solid", rgb_color=[0, 0, 90]))
    home_assistant.wait_state("sensor.ringo_led_ring_shown_by", "user")


def test_the_switch_keeps_the_assistant_away(home_assistant: HomeAssistant, ring: LedRig) -> None:
    switch = "switch.ringo_led_ring_follow_assistant"
    turn(home_assistant, "turn_on", effect="breathe")
    home_assistant.wait_state(LIGHT, has(effect="breathe"))
    ring.observer.send(f"{CAR}/orchestrator/state", json.dumps({"phase": "speaking"}), retain=True)
    home_assistant.wait_state(LIGHT, has(effect="speaking"))
    home_assistant.call_service("switch", "turn_off", {"entity_id": switch})
    home_assistant.wait_state(switch, "off")
    home_assistant.wait_state(LIGHT, has(effect="breathe"))
    home_assistant.call_service("switch", "turn_on", {"entity_id": switch})
    home_assistant.wait_state(LIGHT, has(effect="speaking"))
    ring.observer.send(f"{CAR}/orchestrator/state", json.dumps({"phase": "idle"}), retain=True)
    home_assistant.wait_state(LIGHT, has(effect="breathe"))


def test_an_emergency_stop_comes_before_everything(home_assistant: HomeAssistant, ring: LedRig) -> None:
    ring.observer.send(f"{CAR}/motion/state", json.dumps({"emergency_stop": True, "link": True}), retain=True)
    home_assistant.wait_state(LIGHT, has(effect="emergency_stop", rgb_color=[255, 0, 0]))
    ring.observer.send(f"{CAR}/motion/state", "", retain=True)
    home_assistant.wait_state("sensor.ringo_led_ring_shown_by", "user")


@pytest.mark.parametrize(("effect", "green", "moves"), [("comet", 255, True), ("solid", 0, False)])
def test_the_picture_shows_the_ring(
    home_assistant: HomeAssistant, ring: LedRig, effect: str, green: int, moves: bool
) -> None:
    turn(home_assistant, "turn_on", effect=effect, rgb_color=[0, green, 0], brightness=255)
    entity, seen = "image.ringo_led_ring_ring_picture", ""
    while True:  # pictures of what was shown before may still be on their way
        seen = home_assistant.wait_state(entity, lambda state, seen=seen: is_known(state) and state.state != seen).state
        content_type, encoded = home_assistant.image(entity)
        assert content_type == "image/png"
        found = Image.open(io.BytesIO(encoded))
        greenest = max(found.convert("RGB").tobytes()[1::3])
        if getattr(found, "is_animated", False) == moves and (greenest > 200) == (green > 200):
            break


def is_known(state: State) -> bool:
    return state.state not in {"unknown", "unavailable"}


def test_a_ring_that_is_pulled_makes_the_light_unavailable(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="comet")
    ring.bus.unplug()
    home_assistant.wait_state(LIGHT, "unavailable")
    link = home_assistant.wait_state("binary_sensor.ringo_led_ring_ring", "off")
    assert link.attributes["reason"] == "/dev/spidev0.0 has gone: No such device"
    ring.bus.plug()
    home_assistant.wait_state(LIGHT, has(state="on", effect="comet"), timeout=15)


def test_a_restart_keeps_the_light(home_assistant: HomeAssistant, ring: LedRig) -> None:
    turn(home_assistant, "turn_on", effect="fire", brightness=50)
    home_assistant.wait_state(LIGHT, has(effect="fire"))
    assert ring.bridge.stop() == 0
    home_assistant.wait_state(LIGHT, "unavailable")
    assert ring.bus.newest == DARK
    ring.start_bridge()
    home_assistant.wait_state(LIGHT, has(effect="fire", brightness=50))
