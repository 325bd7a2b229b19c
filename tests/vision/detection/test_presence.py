"""A class is there from when it is seen until some time after it was last seen."""

from __future__ import annotations

from bridges.vision.detection.presence import Presence, occupancy_key


def test_a_class_is_there_at_once_and_until_the_delay_is_over() -> None:
    presence = Presence(["person", "cat"], 5.0)
    assert presence.update([], 0.0) == {"person": False, "cat": False}
    assert presence.update(["person", "person", "ball"], 1.0) == {"person": True, "cat": False}
    assert presence.update([], 6.0) == {"person": True, "cat": False}
    assert presence.update([], 6.1) == {"person": False, "cat": False}


def test_each_sight_begins_the_delay_anew() -> None:
    presence = Presence(["person"], 5.0)
    for second in range(0, 40, 4):
        assert presence.update(["person"] if second % 8 == 0 else [], second) == {"person": True}


def test_nothing_is_remembered_over_a_break() -> None:
    presence = Presence(["person"], 5.0)
    presence.update(["person"], 0.0)
    presence.forget()
    assert presence.update([], 0.1) == {"person": False}


def test_without_a_delay_it_is_there_only_while_it_is_seen() -> None:
    presence = Presence(["person"], 0.0)
    assert presence.update(["person"], 0.0) == {"person": True}
    assert presence.update([], 0.1) == {"person": False}


def test_a_class_has_a_sensor_of_its_own_name() -> None:
    assert [occupancy_key(label) for label in ("person", "ball", "Traffic light", "tv/monitor")] == [
        "person",
        "sees_ball",
        "sees_traffic_light",
        "sees_tv_monitor",
    ]
