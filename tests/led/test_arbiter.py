"""What the ring shows: safety over the system over the assistant over people's own light."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from bridges.led.arbiter import RULES, SAFETY_BRIGHTNESS, Shown, decide
from bridges.led.effects.registry import EFFECTS
from bridges.led.light_state import LightState
from smartcar_mqtt.car_status import CarStatus, Layer, Phase

CALM = CarStatus(connected=True)
ALL_AT_ONCE = CarStatus(
    emergency_stop=True,
    blocked=True,
    shutting_down=True,
    motors_linked=False,
    connected=True,
    phase=Phase.SPEAKING,
    muted=True,
)
RED = LightState(effect="solid", colour=(255, 0, 0), brightness=77)


def changed(car_status: CarStatus, **fields: object) -> CarStatus:
    return msgspec.structs.replace(car_status, **fields)


def shown(car_status: CarStatus, light: LightState = RED, *, follow: bool = True) -> tuple[str, str]:
    found = decide(car_status, light, follow=follow)
    return str(found.layer), found.effect


@pytest.mark.parametrize(
    ("fields", "layer", "effect"),
    [
        ({}, "user", "solid"),
        ({"emergency_stop": True}, "safety", "emergency_stop"),
        ({"blocked": True}, "safety", "obstacle"),
        ({"obstacle": True}, "user", "solid"),
        ({"motors_linked": False}, "safety", "link_lost"),
        ({"motors_linked": True}, "user", "solid"),
        ({"connected": False}, "safety", "link_lost"),
        ({"connected": None}, "system", "booting"),
        ({"shutting_down": True}, "system", "shutting_down"),
        ({"phase": Phase.IDLE, "assistant_online": True}, "user", "solid"),
        ({"assistant_online": True}, "user", "solid"),
        ({"assistant_online": False}, "assistant", "assistant_offline"),
        ({"muted": True}, "assistant", "muted"),
        *(({"phase": phase}, "assistant", str(phase)) for phase in Phase if phase is not Phase.IDLE),
    ],
)
def test_each_thing_that_happens_alone(fields: dict[str, object], layer: str, effect: str) -> None:
    assert shown(changed(CALM, **fields)) == (layer, effect)


def test_the_order_of_everything() -> None:
    """From all at once, each is taken away in its turn, and the next one is shown."""
    car_status = ALL_AT_ONCE
    seen = []
    for fields in (
        {},
        {"emergency_stop": False},
        {"blocked": False},
        {"shutting_down": False},
        {"motors_linked": True, "connected": None},
        {"connected": True},
        {"phase": None, "assistant_online": False},
        {"assistant_online": True},
        {"muted": False},
    ):
        car_status = changed(car_status, **fields)
        seen.append(shown(car_status))
    assert seen == [
        ("safety", "emergency_stop"),
        ("safety", "obstacle"),
        ("system", "shutting_down"),
        ("safety", "link_lost"),
        ("system", "booting"),
        ("assistant", "speaking"),
        ("assistant", "assistant_offline"),
        ("assistant", "muted"),
        ("user", "solid"),
    ]


def test_nobody_outranks_the_emergency_stop() -> None:
    for phase, flags in itertools.product(Phase, itertools.product((False, True), repeat=5)):
        blocked, linked, connected, muted, ending = flags
        car_status = CarStatus(
            phase=phase,
            emergency_stop=True,
            blocked=blocked,
            motors_linked=linked,
            connected=connected,
            muted=muted,
            shutting_down=ending,
        )
        assert shown(car_status) == ("safety", "emergency_stop")


def test_who_does_not_follow_the_assistant_sees_nothing_of_it_but_all_of_safety() -> None:
    for fields in ({"phase": Phase.SPEAKING}, {"phase": Phase.ERROR}, {"assistant_online": False}, {"muted": True}):
        assert shown(changed(CALM, **fields), follow=False) == ("user", "solid")
    assert shown(ALL_AT_ONCE, follow=False) == ("safety", "emergency_stop")
    assert shown(changed(CALM, shutting_down=True), follow=False) == ("system", "shutting_down")
    assert shown(changed(CALM, connected=None), follow=False) == ("system", "booting")


def test_a_light_that_nobody_has_set_is_the_idle_effect() -> None:
    assert decide(CALM, LightState(), follow=True) == Shown(Layer.USER, "idle", EFFECTS["idle"].colour, 255, on=True)


def test_a_light_that_is_off_lets_the_assistant_through_and_is_dark_afterwards() -> None:
    off = LightState(on=False)
    assert decide(changed(CALM, phase=Phase.IDLE), off, follow=True).on is False
    assert decide(changed(CALM, phase=Phase.LISTENING), off, follow=True).on is True
    assert decide(CALM, off, follow=True).on is False


def test_peoples_colour_and_brightness_are_theirs_alone() -> None:
    assert decide(CALM, RED, follow=True) == Shown(Layer.USER, "solid", (255, 0, 0), 77)
    assert decide(changed(CALM, phase=Phase.SPEAKING), RED, follow=True).colour == EFFECTS["speaking"].colour


def test_peoples_brightness_dims_everything_but_safety() -> None:
    dim = LightState(brightness=5)
    assert decide(changed(CALM, phase=Phase.SPEAKING), dim, follow=True).brightness == 5
    assert decide(changed(CALM, shutting_down=True), dim, follow=True).brightness == 5
    assert decide(changed(CALM, blocked=True), dim, follow=True).brightness == SAFETY_BRIGHTNESS
    assert decide(changed(CALM, blocked=True), LightState(brightness=200), follow=True).brightness == 200


def test_every_rule_shows_an_effect_that_exists() -> None:
    assert {effect for _, _, effect in RULES if effect} | {str(phase) for phase in Phase} <= EFFECTS.keys()
