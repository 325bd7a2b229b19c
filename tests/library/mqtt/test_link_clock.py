"""How late a message may be: what an echo that comes back proves, and what brings doubt. Times are numbers."""

from __future__ import annotations

import pytest

from smartcar_mqtt.mqtt.link_clock import INTERVAL_S, LONGEST_PAUSE_S, LONGEST_ROUND_TRIP_S, LinkClock

LATEST_S = INTERVAL_S + LONGEST_ROUND_TRIP_S


@pytest.fixture
def clock() -> LinkClock:
    """A connection that has just begun, at second 100."""
    clock = LinkClock()
    clock.connected(100.0)
    return clock


def runs(clock: LinkClock, since: float, until: float, *, round_trip_s: float = 0.001) -> None:
    """Echoes go out and come back until that time."""
    now = since
    while now <= until:
        clock.echo_returned(now + round_trip_s, clock.echo(now))
        now += INTERVAL_S


def test_without_a_connection_nothing_is_fresh() -> None:
    clock = LinkClock()
    assert "no connection" in str(clock.doubt(0.0))
    clock.connected(1.0)
    assert clock.doubt(1.1) is None
    clock.lost()
    assert clock.doubt(1.2)


def test_a_healthy_link_is_trusted_at_every_moment(clock: LinkClock) -> None:
    now = 100.0
    while now < 110:
        mark = clock.echo(now)
        clock.echo_returned(now + 0.9 * LONGEST_ROUND_TRIP_S / 2, mark)
        for part in range(10):
            clock.arrived(now + part * INTERVAL_S / 10)
            assert clock.doubt(now + part * INTERVAL_S / 10) is None
        now += INTERVAL_S


def test_an_echo_that_is_out_for_too_long_brings_doubt(clock: LinkClock) -> None:
    runs(clock, 100.0, 110.0)
    held = [clock.echo(110.5 + part * INTERVAL_S) for part in range(3)]
    clock.arrived(110.8)  # other messages come all the while
    clock.arrived(110.0 + LATEST_S - 0.1)
    assert clock.doubt(110.0 + LATEST_S - 0.1) is None
    clock.arrived(110.0 + LATEST_S + 0.1)
    assert "late" in str(clock.doubt(110.0 + LATEST_S + 0.1))
    # Those that were under way prove nothing any more, and neither does what comes between them.
    for mark in held:
        clock.echo_returned(112.0, mark)
        assert clock.doubt(112.0)
    clock.echo_returned(112.2, clock.echo(112.1))
    assert clock.doubt(112.3) is None


def test_a_command_between_old_echoes_is_doubted(clock: LinkClock) -> None:
    runs(clock, 100.0, 110.0)
    held = [clock.echo(110.5 + part * INTERVAL_S) for part in range(8)]
    clock.echo_returned(114.5, held[0])
    clock.arrived(114.5)
    assert clock.doubt(114.5), "sent after the first of the held echoes, so up to 4 s old"


def test_a_network_thread_that_was_not_served_brings_doubt(clock: LinkClock) -> None:
    runs(clock, 100.0, 110.0)
    thawed = 110.1 + LONGEST_PAUSE_S
    clock.arrived(thawed)
    assert "not served" in str(clock.doubt(thawed))
    # Also where something harmless comes before the command.
    clock.arrived(thawed + 0.01)
    assert clock.doubt(thawed + 0.01)
    clock.echo_returned(thawed + 0.02, clock.echo(thawed - 0.01))
    assert clock.doubt(thawed + 0.03), "sent before it was noticed"
    clock.echo_returned(thawed + 0.5, clock.echo(thawed + 0.4))
    assert clock.doubt(thawed + 0.5) is None


def test_an_echo_alone_after_a_pause_does_not_hide_it(clock: LinkClock) -> None:
    runs(clock, 100.0, 110.0)
    mark = clock.echo(110.5)
    clock.echo_returned(114.0, mark)
    clock.arrived(114.0)
    assert clock.doubt(114.0)


def test_many_commands_in_doubt_do_not_keep_it_up(clock: LinkClock) -> None:
    runs(clock, 100.0, 110.0)
    for part in range(100):
        clock.arrived(112 + part / 100)
        assert clock.doubt(112 + part / 100)
    clock.echo_returned(113.1, clock.echo(113.05))
    assert clock.doubt(113.1) is None


@pytest.mark.parametrize("mark", [b"", b"0", b"0" * 16, b"\xff", b"x" * 100_000])
def test_only_our_own_echo_proves_anything(clock: LinkClock, mark: bytes) -> None:
    runs(clock, 100.0, 110.0)
    clock.echo(110.5)
    for part in range(10):
        clock.echo_returned(110.6 + part / 5, mark)
    assert clock.doubt(112.6)


def test_an_echo_counts_once_and_those_of_an_earlier_connection_never(clock: LinkClock) -> None:
    old = clock.echo(100.5)
    clock.lost()
    clock.connected(101.0)
    runs(clock, 101.0, 102.0)
    clock.arrived(103.9)
    assert clock.doubt(103.9)
    clock.echo_returned(104.0, old)
    assert clock.doubt(104.0)


def test_echoes_that_never_return_are_forgotten(clock: LinkClock) -> None:
    for part in range(10_000):
        clock.echo(100 + part)
    assert len(clock._outstanding) < 10
