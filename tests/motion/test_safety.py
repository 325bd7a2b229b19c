"""The guard: leases, the wall, the latch, who may move. Times are numbers."""

from __future__ import annotations

import pytest

from bridges.motion.safety import LEASE_ENDED, STOPPED, Control, Guard, Zone, control_of
from bridges.motion.serial_line.protocol import Frame
from bridges.motion.settings import MotionSettings
from smartcar_mqtt.commands import Blocked, Refused

START = 100.0
FORWARD, BACKWARD, LEFT = "forward", "backward", "left"
REMOTE, VOICE = "remote", "voice"


def frame(
    left: int | None = 100,
    center: int | None = 100,
    right: int | None = 100,
    *,
    obstacle: bool = False,
    warning: bool = False,
) -> Frame:
    return Frame(left, center, right, 150, 90, 0, 0, obstacle=obstacle, warning=warning)


BLIND = frame(None, None, None)
NEAR = frame(center=15)


def make(**settings: float) -> Guard:
    """A guard that has just seen free space."""
    guard = Guard(MotionSettings(**settings))  # type: ignore[arg-type]
    guard.frame(START, frame())
    return guard


@pytest.fixture
def guard() -> Guard:
    return make()


def blocked(guard: Guard, now: float, direction: str = FORWARD, source: str = REMOTE, seconds: float = 1.0) -> str:
    with pytest.raises(Blocked) as caught:
        guard.drive(now, direction, source, seconds)
    return str(caught.value)


class TestLease:
    def test_a_move_ends_at_its_deadline(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 0.4)
        assert guard.next_tick() == START + 0.4
        assert guard.tick(START + 0.399) is None
        assert guard.motion == FORWARD
        assert guard.tick(START + 0.4) == LEASE_ENDED
        assert guard.motion == STOPPED
        assert guard.tick(START + 0.41) is None

    def test_a_newer_command_renews_the_lease(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 0.3)
        guard.drive(START + 0.2, FORWARD, REMOTE, 0.3)
        assert guard.tick(START + 0.4) is None
        assert guard.tick(START + 0.5) == LEASE_ENDED

    def test_a_newer_command_replaces_the_older_one_and_may_be_shorter(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 5)
        guard.drive(START + 0.1, LEFT, REMOTE, 0.1)
        assert guard.motion == LEFT
        assert guard.tick(START + 0.2) == LEASE_ENDED

    @pytest.mark.parametrize("seconds", [5.001, 6, 1e9, float("inf"), float("nan"), 0, -1, -0.0])
    def test_a_duration_out_of_range_is_refused_and_changes_nothing(self, guard: Guard, seconds: float) -> None:
        guard.drive(START, LEFT, REMOTE, 1)
        with pytest.raises(Refused, match="out of range"):
            guard.drive(START, FORWARD, REMOTE, seconds)
        assert (guard.motion, guard.lease_ends) == (LEFT, START + 1)

    def test_the_longest_lease_is_a_setting(self) -> None:
        guard = make(max_lease=2, default_lease=1)
        assert guard.drive(START, FORWARD, REMOTE, 2).seconds == 2
        with pytest.raises(Refused):
            guard.drive(START, FORWARD, REMOTE, 2.1)

    def test_without_a_duration_the_default_serves(self, guard: Guard) -> None:
        assert guard.drive(START, FORWARD, REMOTE).seconds == 1.0
        assert guard.drive(START, FORWARD, REMOTE, default_s=2.5).seconds == 2.5

    def test_a_stop_ends_it(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 5)
        guard.halt(START + 1, REMOTE)
        assert (guard.motion, guard.holder, guard.source) == (STOPPED, Control.NOBODY, "")


class TestLosses:
    def test_data_older_than_half_a_second_ends_a_move(self, guard: Guard) -> None:
        guard.drive(START, BACKWARD, REMOTE, 5)
        assert guard.next_tick() == START + 0.5
        assert guard.tick(START + 0.5) is None
        assert guard.tick(START + 0.51) == "no data from the ESP32"
        assert guard.motion == STOPPED

    def test_data_keeps_it_going(self, guard: Guard) -> None:
        guard.drive(START, BACKWARD, REMOTE, 5)
        guard.frame(START + 0.4, frame())
        assert guard.tick(START + 0.6) is None

    @pytest.mark.parametrize("direction", [FORWARD, BACKWARD, LEFT, "right"])
    def test_without_data_nothing_moves(self, guard: Guard, direction: str) -> None:
        assert "no data" in blocked(Guard(MotionSettings()), START, direction)
        assert "no data" in blocked(guard, START + 0.6, direction)
        guard.frame(START + 0.7, frame())
        guard.drive(START + 0.7, direction, REMOTE, 1)

    def test_with_the_line_everything_known_is_lost(self, guard: Guard) -> None:
        guard.drive(START, BACKWARD, REMOTE, 5)
        guard.link_lost()
        assert guard.motion == STOPPED
        assert guard.next_tick() is None
        assert "no data" in blocked(guard, START)


class TestWall:
    @pytest.mark.parametrize(
        ("readings", "zone"),
        [
            (frame(center=21), Zone.CLEAR),
            (frame(center=20), Zone.WARNING),
            (frame(left=11), Zone.WARNING),
            (frame(right=10), Zone.OBSTACLE),
            (frame(center=0), Zone.OBSTACLE),
            (frame(None, 0, None), Zone.OBSTACLE),
            (frame(None, 300, None), Zone.CLEAR),
            (frame(warning=True), Zone.WARNING),
            (frame(warning=True, obstacle=True), Zone.OBSTACLE),
            (BLIND, Zone.CLEAR),
        ],
    )
    def test_the_nearest_echo_or_the_firmware_tells_the_zone(self, guard: Guard, readings: Frame, zone: Zone) -> None:
        guard.frame(START, readings)
        assert guard.zone is zone

    @pytest.mark.parametrize("readings", [NEAR, frame(center=0), frame(left=5), frame(warning=True)])
    def test_forward_is_refused_in_the_zone_and_the_way_out_is_free(self, guard: Guard, readings: Frame) -> None:
        guard.frame(START, readings)
        assert "ahead" in blocked(guard, START)
        for direction in (BACKWARD, LEFT, "right"):
            assert guard.drive(START, direction, REMOTE, 1).seconds == 1

    @pytest.mark.parametrize(
        ("readings", "reason"),
        [(NEAR, "warning zone entered"), (frame(right=3), "obstacle ahead"), (frame(center=0), "obstacle ahead")],
    )
    def test_a_forward_move_that_enters_it_ends(self, guard: Guard, readings: Frame, reason: str) -> None:
        guard.drive(START, FORWARD, REMOTE, 5)
        assert guard.frame(START + 0.1, readings) == reason
        assert guard.motion == STOPPED

    @pytest.mark.parametrize("zone", ["WARNING_ZONE", "EMERGENCY_STOP"])
    def test_an_alert_of_the_firmware_ends_it_too(self, guard: Guard, zone: str) -> None:
        guard.drive(START, FORWARD, REMOTE, 5)
        assert guard.alert(zone)
        assert guard.motion == STOPPED
        assert "ahead" in blocked(guard, START)

    @pytest.mark.parametrize("direction", [BACKWARD, LEFT, "right"])
    def test_other_moves_go_on_in_the_zone(self, guard: Guard, direction: str) -> None:
        guard.drive(START, direction, REMOTE, 5)
        assert guard.frame(START + 0.1, NEAR) is None
        assert guard.motion == direction

    def test_a_clear_alert_stops_nothing(self, guard: Guard) -> None:
        guard.frame(START, NEAR)
        guard.drive(START, BACKWARD, REMOTE, 5)
        assert guard.alert("CLEAR") is None
        assert guard.motion == BACKWARD
        guard.frame(START, frame())
        guard.drive(START, FORWARD, REMOTE, 5)
        assert guard.alert("CLEAR") is None
        assert guard.motion == FORWARD

    def test_a_clear_alert_opens_no_wall_before_the_readings_do(self, guard: Guard) -> None:
        guard.frame(START, NEAR)
        guard.alert("CLEAR")
        assert "ahead" in blocked(guard, START)

    def test_a_zone_is_left_with_some_distance_to_spare(self, guard: Guard) -> None:
        guard.frame(START, frame(center=20))
        for center, zone in ((21, Zone.WARNING), (22, Zone.WARNING), (23, Zone.CLEAR), (21, Zone.CLEAR)):
            guard.frame(START, frame(center=center))
            assert guard.zone is zone, center
        guard.frame(START, frame(center=10))
        for center, zone in ((12, Zone.OBSTACLE), (13, Zone.WARNING), (11, Zone.WARNING)):
            guard.frame(START, frame(center=center))
            assert guard.zone is zone, center


class TestBlind:
    def test_without_any_echo_the_guard_is_blind(self, guard: Guard) -> None:
        assert not guard.blind
        guard.frame(START, BLIND)
        assert guard.blind
        guard.frame(START, frame(None, 300, None))
        assert not guard.blind

    def test_forward_goes_for_half_a_second_at_a_time(self, guard: Guard) -> None:
        guard.frame(START, BLIND)
        assert "0.5 s at a time" in blocked(guard, START, seconds=0.6)
        assert guard.motion == STOPPED
        grant = guard.drive(START, FORWARD, REMOTE)
        assert grant.seconds == 0.5
        assert "0.5 s at a time" in grant.note
        assert guard.drive(START, FORWARD, REMOTE, 0.5).note == ""
        assert guard.tick(START + 0.5) == LEASE_ENDED

    def test_other_directions_are_as_always(self, guard: Guard) -> None:
        guard.frame(START, BLIND)
        assert guard.drive(START, BACKWARD, REMOTE, 5).seconds == 5

    def test_a_forward_move_that_becomes_blind_is_shortened_once(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 5)
        for tenth in range(1, 5):
            guard.frame(START + tenth / 10, BLIND)
        assert guard.lease_ends == pytest.approx(START + 0.1 + 0.5)
        assert guard.tick(START + 0.6) == LEASE_ENDED

    def test_one_that_ends_sooner_is_not_made_longer(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, REMOTE, 0.2)
        guard.frame(START + 0.1, BLIND)
        assert guard.lease_ends == pytest.approx(START + 0.2)


class TestEmergencyStop:
    def test_it_ends_every_move_and_allows_none(self, guard: Guard) -> None:
        guard.drive(START, BACKWARD, REMOTE, 5)
        guard.set_emergency_stop(on=True)
        assert (guard.motion, guard.control) == (STOPPED, Control.EMERGENCY_STOP)
        for direction in (FORWARD, BACKWARD, LEFT, "right"):
            for source in (REMOTE, VOICE, ""):
                assert "emergency stop" in blocked(guard, START, direction, source)

    def test_a_stop_does_not_release_it(self, guard: Guard) -> None:
        guard.set_emergency_stop(on=True)
        guard.halt(START, REMOTE)
        guard.link_lost()
        guard.frame(START, frame())
        assert "emergency stop" in blocked(guard, START)

    def test_released_the_car_moves_again(self, guard: Guard) -> None:
        guard.set_emergency_stop(on=True)
        guard.set_emergency_stop(on=False)
        guard.drive(START, FORWARD, REMOTE, 1)

    def test_it_may_be_on_from_the_start(self) -> None:
        guard = Guard(MotionSettings(), emergency_stop=True)
        guard.frame(START, frame())
        assert "emergency stop" in blocked(guard, START)


class TestWhoMayMove:
    @pytest.mark.parametrize("source", ["assistant", "voice", "llm", "orchestrator"])
    def test_these_are_the_assistant(self, source: str) -> None:
        assert control_of(source) is Control.ASSISTANT

    @pytest.mark.parametrize("source", ["", "mqtt", "remote", "homeassistant", "VOICE "])
    def test_everybody_else_is_a_person(self, source: str) -> None:
        assert control_of(source) is Control.MANUAL

    def test_a_hand_takes_over_from_the_assistant(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, VOICE, 5)
        assert guard.control is Control.ASSISTANT
        guard.drive(START + 0.1, LEFT, REMOTE, 1)
        assert (guard.motion, guard.control, guard.source) == (LEFT, Control.MANUAL, REMOTE)

    def test_the_assistant_keeps_its_hands_off_while_and_after_a_person_drives(self, guard: Guard) -> None:
        guard.drive(START, LEFT, REMOTE, 1)
        for now in (START, START + 0.9, START + 2.9):
            guard.frame(now, frame())
            assert "by hand" in blocked(guard, now, source=VOICE)
        guard.frame(START + 3.01, frame())
        guard.drive(START + 3.01, FORWARD, VOICE, 1)

    def test_it_keeps_them_off_after_a_stop_by_hand(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, VOICE, 5)
        guard.halt(START + 1, REMOTE)
        guard.frame(START + 2.9, frame())
        assert "0.1 s" in blocked(guard, START + 2.9, source=VOICE)
        guard.frame(START + 3.1, frame())
        guard.drive(START + 3.1, FORWARD, VOICE, 1)

    def test_a_stop_ends_the_hold_of_an_interrupted_move_early(self, guard: Guard) -> None:
        guard.drive(START, LEFT, REMOTE, 5)
        guard.halt(START + 1, REMOTE)
        guard.frame(START + 3.1, frame())
        guard.drive(START + 3.1, FORWARD, VOICE, 1)

    def test_a_stop_by_the_assistant_or_by_the_bridge_holds_nobody_off(self, guard: Guard) -> None:
        guard.drive(START, FORWARD, VOICE, 5)
        guard.halt(START, VOICE)
        guard.halt(START)
        guard.drive(START, FORWARD, VOICE, 1)

    def test_even_a_refused_command_by_hand_ends_what_the_assistant_does(self, guard: Guard) -> None:
        guard.drive(START, BACKWARD, VOICE, 5)
        guard.frame(START, NEAR)
        blocked(guard, START, FORWARD, REMOTE)
        assert guard.motion == STOPPED
        assert "by hand" in blocked(guard, START + 0.1, BACKWARD, VOICE)

    def test_a_refused_command_of_the_assistant_ends_nothing(self, guard: Guard) -> None:
        guard.drive(START, LEFT, REMOTE, 5)
        blocked(guard, START, FORWARD, VOICE)
        assert guard.motion == LEFT

    def test_how_long_it_keeps_them_off_is_a_setting(self) -> None:
        guard = make(manual_hold=0.3)
        guard.halt(START, REMOTE)
        assert "by hand" in blocked(guard, START + 0.29, source=VOICE)
        guard.drive(START + 0.31, FORWARD, VOICE, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gas_clear": 1000, "gas_alarm": 1000},
        {"obstacle_cm": 21, "warning_cm": 20},
        {"default_lease": 3, "max_lease": 2},
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        MotionSettings(**wrong)  # type: ignore[arg-type]
