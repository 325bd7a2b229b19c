"""The worker: one job after the other, on one thread, with a limit."""

from __future__ import annotations

import logging
import threading

import pytest

from smartcar_mqtt.worker import MOST_WAITING, Worker

TIMEOUT_S = 5.0


def test_jobs_run_one_after_the_other_on_a_thread_of_the_workers_own() -> None:
    worker = Worker("lamp")
    ran: list[tuple[int, str]] = []
    done = threading.Event()
    for number in range(10):
        worker.submit(lambda number=number: ran.append((number, threading.current_thread().name)))  # type: ignore[misc]
    worker.submit(done.set)
    assert done.wait(TIMEOUT_S)
    assert ran == [(number, "lamp-worker") for number in range(10)]
    worker.stop()


def test_no_thread_before_the_first_job() -> None:
    before = threading.active_count()
    worker = Worker("idle")
    assert threading.active_count() == before
    worker.stop()  # harmless


def test_submit_says_no_when_too_many_wait() -> None:
    worker = Worker("busy")
    started, release = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        release.wait(TIMEOUT_S)

    assert worker.submit(wait)
    assert started.wait(TIMEOUT_S)
    assert all(worker.submit(lambda: None) for _ in range(MOST_WAITING))
    assert not worker.submit(lambda: None)
    release.set()
    worker.stop()


def test_a_job_that_raises_does_not_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker("lamp")
    done = threading.Event()

    def fail() -> None:
        raise RuntimeError("a bug")

    with caplog.at_level(logging.ERROR):
        worker.submit(fail)
        worker.submit(done.set)
        assert done.wait(TIMEOUT_S)
    assert "a bug" in caplog.text
    worker.stop()


def test_stop_waits_for_the_job_that_runs_and_forgets_those_that_wait() -> None:
    worker = Worker("lamp")
    started, release = threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        started.set()
        release.wait(TIMEOUT_S)
        ran.append("first")

    worker.submit(first)
    assert started.wait(TIMEOUT_S)
    worker.submit(lambda: ran.append("second"))
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    release.set()
    stopping.join(TIMEOUT_S)
    assert ran == ["first"]


def test_stop_does_not_wait_for_ever() -> None:
    worker = Worker("lamp")
    started, release = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        release.wait(TIMEOUT_S)

    worker.submit(hang)
    assert started.wait(TIMEOUT_S)
    worker.stop(timeout=0.01)
    assert not release.is_set()
    release.set()
