"""What follows from what the other bridges say."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from smartcar_mqtt.car_status import CarStatus, Phase, car_status

HERE = {"orchestrator/availability": "online", "motion/availability": "online", "voice/availability": "online"}


def test_where_nobody_has_spoken_nothing_is_known() -> None:
    assert car_status({}) == CarStatus()


@pytest.mark.parametrize("phase", list(Phase))
def test_the_phase_is_the_orchestrators(phase: Phase) -> None:
    told = car_status({"orchestrator/availability": "online", "orchestrator/state": {"phase": str(phase)}})
    assert told == CarStatus(phase=phase, assistant_online=True)


def test_a_state_without_availability_counts_so_that_it_can_be_tried_by_hand() -> None:
    assert car_status({"orchestrator/state": {"phase": "thinking"}}) == CarStatus(phase=Phase.THINKING)


@pytest.mark.parametrize("word", ["TTS_PROCESSING", "tts processing", "Tts-Processing", "Tts processing"])
def test_the_phase_is_understood_in_any_spelling(word: str) -> None:
    assert car_status({"orchestrator/state": {"phase": word}}).phase is Phase.TTS_PROCESSING


def test_the_last_phase_of_an_orchestrator_that_is_gone_does_not_count() -> None:
    gone = car_status({"orchestrator/availability": "offline", "orchestrator/state": {"phase": "speaking"}})
    assert gone == CarStatus(assistant_online=False)


def test_a_word_that_nobody_knows_is_idle_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert car_status({"orchestrator/state": {"phase": "dreaming"}}).phase is Phase.IDLE
    assert "dreaming" in caplog.text


def test_what_motion_says_counts_while_it_is_there() -> None:
    state = {"emergency_stop": True, "obstacle": True, "link": True}
    here = car_status({"motion/availability": "online", "motion/state": state})
    assert here == CarStatus(emergency_stop=True, obstacle=True, motors_linked=True)


def test_of_a_motion_bridge_that_is_gone_only_the_latch_still_counts() -> None:
    state = {"emergency_stop": True, "obstacle": True, "link": True}
    gone = car_status({"motion/availability": "offline", "motion/state": state})
    assert gone == CarStatus(emergency_stop=True, motors_linked=False)


def test_an_unplugged_esp32_is_no_link() -> None:
    told = car_status({"motion/availability": "online", "motion/state": {"link": False, "obstacle": None}})
    assert told == CarStatus(motors_linked=False)


def test_mute_and_shutdown_count_only_from_bridges_that_are_there() -> None:
    heard: dict[str, Any] = {
        "voice/availability": "online",
        "voice/state": {"muted": True},
        "system/availability": "online",
        "system/state": {"shutting_down": True},
    }
    assert car_status(heard) == CarStatus(muted=True, shutting_down=True)
    heard["voice/availability"] = heard["system/availability"] = "offline"
    assert car_status(heard) == CarStatus()


@pytest.mark.parametrize("rubbish", [[], "idle", 3, {"phase": None}, {"phase": {}}, {"emergency_stop": "yes"}])
def test_rubbish_is_no_alarm(rubbish: object) -> None:
    told = car_status({"motion/state": rubbish, "orchestrator/state": rubbish, "voice/state": rubbish})
    assert told in {CarStatus(), CarStatus(phase=Phase.IDLE)}
