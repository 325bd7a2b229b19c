"""Timers: in order, on one thread, never early, never lost."""

from __future__ import annotations

import threading
import time

import pytest

from smartcar_mqtt.clock import Backoff, ManualClock, Scheduler, SystemClock, Timer

TIMEOUT_S = 5.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def scheduler(clock: ManualClock) -> Scheduler:
    return Scheduler(clock)


def test_the_manual_clock_moves_only_when_told_to(clock: ManualClock) -> None:
    before = clock.monotonic(), clock.wall()
    assert (clock.monotonic(), clock.wall()) == before
    clock.advance(2.5)
    assert (clock.monotonic(), clock.wall()) == (before[0] + 2.5, before[1] + 2.5)


def test_time_does_not_go_backwards(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-0.1)


def test_the_system_clock_is_the_machines() -> None:
    clock = SystemClock()
    assert time.monotonic() <= clock.monotonic() <= time.monotonic()
    assert time.time() - 1 < clock.wall() < time.time() + 1


def test_a_timer_is_called_when_it_is_due_and_not_before(clock: ManualClock, scheduler: Scheduler) -> None:
    called: list[str] = []
    scheduler.call_later(5, lambda: called.append("x"))
    clock.advance(4.999)
    assert scheduler.run_due() == pytest.approx(clock.monotonic() + 0.001)
    assert called == []
    clock.advance(0.001)
    assert scheduler.run_due() is None
    assert called == ["x"]
    scheduler.run_due()
    assert called == ["x"]


def test_timers_are_called_in_the_order_of_their_times(clock: ManualClock, scheduler: Scheduler) -> None:
    called: list[int] = []
    for number, seconds in enumerate([3, 1, 2, 1]):
        scheduler.call_later(seconds, lambda number=number: called.append(number))  # type: ignore[misc]
    clock.advance(10)
    scheduler.run_due()
    assert called == [1, 3, 2, 0]


def test_a_cancelled_timer_does_nothing(clock: ManualClock, scheduler: Scheduler) -> None:
    called: list[str] = []
    timer = scheduler.call_later(1, lambda: called.append("cancelled"))
    scheduler.call_later(2, lambda: called.append("kept"))
    timer.cancel()
    timer.cancel()
    clock.advance(3)
    scheduler.run_due()
    assert called == ["kept"]


def test_a_timer_may_cancel_one_that_is_due_at_the_same_time(clock: ManualClock, scheduler: Scheduler) -> None:
    called: list[str] = []
    timers: list[Timer] = []

    def cancel_second() -> None:
        timers[0].cancel()

    scheduler.call_later(1, cancel_second)
    timers.append(scheduler.call_later(1, lambda: called.append("second")))
    clock.advance(1)
    scheduler.run_due()
    assert called == []


def test_a_timer_may_set_the_next_one(clock: ManualClock, scheduler: Scheduler) -> None:
    called: list[float] = []

    def tick() -> None:
        called.append(clock.monotonic())
        scheduler.call_later(1, tick)

    scheduler.call_later(1, tick)
    for _ in range(3):
        clock.advance(1)
        scheduler.run_due()
    assert len(called) == 3


def test_an_error_in_a_timer_reaches_who_runs_the_scheduler(clock: ManualClock, scheduler: Scheduler) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    scheduler.call_later(0, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        scheduler.run_due()


class Loop:
    """A scheduler on the machine's clock, running in a thread."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(SystemClock())
        self.thread = threading.Thread(target=self.scheduler.run, daemon=True)
        self.thread.start()

    def join(self) -> bool:
        self.thread.join(TIMEOUT_S)
        return not self.thread.is_alive()


def test_run_sleeps_until_a_timer_of_another_thread_wakes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartcar_mqtt.clock.LONGEST_SLEEP_S", 60.0)
    loop = Loop()
    running = threading.Event()
    loop.scheduler.call_later(0, running.set)
    assert running.wait(TIMEOUT_S)
    names: list[str] = []
    called = threading.Event()
    loop.scheduler.call_later(60, lambda: names.append("much too late"))

    def soon() -> None:
        names.append(threading.current_thread().name)
        called.set()

    loop.scheduler.call_later(0.01, soon)
    assert called.wait(TIMEOUT_S)
    assert names == [loop.thread.name]
    loop.scheduler.stop()
    assert loop.join()


def test_stop_ends_run_at_once_even_without_any_timer() -> None:
    loop = Loop()
    loop.scheduler.stop()
    assert loop.join()


def test_stop_before_run_means_no_run() -> None:
    scheduler = Scheduler(SystemClock())
    scheduler.call_later(0, lambda: pytest.fail("ran after the stop"))
    scheduler.stop()
    scheduler.run()


def test_a_timer_may_stop_the_loop() -> None:
    loop = Loop()
    loop.scheduler.call_later(0, loop.scheduler.stop)
    assert loop.join()


def test_a_signal_just_before_the_sleep_is_not_slept_through() -> None:
    """A handler runs between any two steps of the main thread: here after the last look at "stopping?"."""
    scheduler = Scheduler(SystemClock())
    condition = scheduler._changed
    sleep = condition.wait
    sleeps: list[float | None] = []

    def interrupted(timeout: float | None = None) -> bool:
        sleeps.append(timeout)
        scheduler.stop()
        return sleep(timeout)

    condition.wait = interrupted  # type: ignore[method-assign]
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert len(sleeps) == 1


def test_pauses_between_attempts_double_up_to_the_longest_and_begin_anew_after_success() -> None:
    backoff = Backoff(0.5, 3.0, spread=0)
    assert [backoff.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_pauses_differ_by_chance_within_their_spread_and_do_not_drift() -> None:
    backoff = Backoff(10.0, 10.0, spread=0.2)
    pauses = [backoff.next_s() for _ in range(200)]
    assert all(8.0 <= pause <= 12.0 for pause in pauses)
    assert len(set(pauses)) > 100
