"""What the display shows: the rules one by one, and which of them stand above which."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from bridges.display.arbiter import BASE, EXPRESSION_OF_PHASE, Shown, decide
from bridges.display.face.expressions import EXPRESSIONS
from smartcar_mqtt.car_status import CarStatus, Layer, Phase

QUIET = CarStatus(phase=Phase.IDLE, assistant_online=True, motors_linked=True, connected=True)


def shown(chosen: str = BASE, *, follow: bool = True, just_chosen: bool = False, **now: object) -> Shown:
    return decide(msgspec.structs.replace(QUIET, **now), chosen, follow=follow, just_chosen=just_chosen)


@pytest.mark.parametrize(
    ("phase", "expression"),
    [
        (Phase.WAKEWORD_DETECTED, "surprised"),
        (Phase.LISTENING, "listening"),
        (Phase.TRANSCRIBING, "curious"),
        (Phase.THINKING, "curious"),
        (Phase.TTS_PROCESSING, "speaking"),
        (Phase.SPEAKING, "speaking"),
        (Phase.ERROR, "sad"),
    ],
)
def test_each_phase_has_its_face(phase: Phase, expression: str) -> None:
    assert shown("happy", phase=phase) == Shown(Layer.ASSISTANT, expression)


@pytest.mark.parametrize("phase", [Phase.IDLE, None])
def test_in_idleness_people_have_the_face_they_chose(phase: Phase | None) -> None:
    assert shown("happy", phase=phase) == Shown(Layer.USER, "happy")
    assert shown(phase=phase) == Shown(Layer.USER, BASE, rests=True)


@pytest.mark.parametrize("phase", list(Phase))
def test_who_does_not_follow_the_assistant_never_sees_its_phases(phase: Phase) -> None:
    assert shown("happy", follow=False, phase=phase).expression == "happy"


@pytest.mark.parametrize("phase", list(Phase))
def test_who_chooses_a_face_sees_it_until_the_assistant_has_news(phase: Phase) -> None:
    assert shown("happy", just_chosen=True, phase=phase).expression == "happy"


def test_only_the_cars_own_face_falls_asleep() -> None:
    assert shown(BASE).rests
    assert not shown("happy").rests
    assert not shown("sleep").rests
    assert not shown(BASE, phase=Phase.LISTENING).rests
    assert not shown(BASE, emergency_stop=True).rests


class TestOffline:
    def test_it_is_shown(self) -> None:
        face = shown("happy", phase=None, assistant_online=False)
        assert face == Shown(Layer.ASSISTANT, "sad", "Assistant offline", rests=True)

    def test_not_to_those_who_do_not_follow(self) -> None:
        assert shown("happy", follow=False, phase=None, assistant_online=False) == Shown(Layer.USER, "happy")

    def test_a_car_that_never_had_an_assistant_is_not_sad(self) -> None:
        assert shown(phase=None, assistant_online=None) == Shown(Layer.USER, BASE, rests=True)

    def test_who_chooses_a_face_then_sees_it(self) -> None:
        face = shown("happy", just_chosen=True, phase=None, assistant_online=False)
        assert face == Shown(Layer.USER, "happy", "Assistant offline")


class TestSafety:
    def test_the_emergency_stop_stands_above_everything(self) -> None:
        for follow, just_chosen in itertools.product([True, False], repeat=2):
            face = shown(
                "happy",
                follow=follow,
                just_chosen=just_chosen,
                emergency_stop=True,
                blocked=True,
                shutting_down=True,
                connected=False,
                phase=Phase.SPEAKING,
            )
            assert face == Shown(Layer.SAFETY, "sad", "Emergency stop", urgent=True)

    def test_an_obstacle_surprises(self) -> None:
        face = shown("happy", blocked=True, phase=Phase.SPEAKING)
        assert (face.layer, face.expression, face.urgent) == (Layer.SAFETY, "surprised", False)
        assert face.status

    def test_an_obstacle_that_is_no_news_any_more_is_not_shown(self) -> None:
        assert shown(obstacle=True) == shown()

    def test_the_end_is_sleep(self) -> None:
        assert shown("happy", shutting_down=True, connected=False) == Shown(Layer.SYSTEM, "sleep", "Shutting down")


class TestStatus:
    @pytest.mark.parametrize(
        ("now", "line"),
        [
            ({"connected": False}, "No connection to the broker"),
            ({"connected": None}, ""),
            ({"motors_linked": False}, "No link to the motors"),
            ({"motors_linked": None}, ""),
            ({"muted": True}, "Microphone off"),
            ({"muted": True, "motors_linked": False}, "No link to the motors"),
            ({"assistant_online": False, "motors_linked": False}, "No link to the motors"),
            ({"connected": False, "motors_linked": False}, "No connection to the broker"),
            ({}, ""),
        ],
    )
    def test_the_most_important_line_is_shown(self, now: dict[str, object], line: str) -> None:
        assert shown("happy", **now).status == line

    def test_it_stands_under_the_assistants_faces_too(self) -> None:
        assert shown(phase=Phase.LISTENING, motors_linked=False).status == "No link to the motors"

    def test_without_the_broker_the_assistants_last_phase_is_not_shown_for_ever(self) -> None:
        face = shown("happy", phase=Phase.LISTENING, connected=False)
        assert (face.layer, face.expression) == (Layer.USER, "happy")


def test_every_expression_that_is_named_exists() -> None:
    named = {*EXPRESSION_OF_PHASE.values(), BASE, *(shown(emergency_stop=True).expression, "sad", "surprised", "sleep")}
    assert named <= EXPRESSIONS.keys()
