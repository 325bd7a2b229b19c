"""What was written and not confirmed."""

from __future__ import annotations

from bridges.motion.serial_line.confirmations import MOST_PENDING, STOP_TIMEOUT_S, TIMEOUT_S, Confirmations


def words(confirmations: Confirmations) -> list[str]:
    return [pending.word for pending in confirmations.take_all()]


def test_the_oldest_of_a_word_is_confirmed_first() -> None:
    confirmations = Confirmations()
    first = confirmations.expect(0, "STOP")
    left = confirmations.expect(0, "LEFT")
    second = confirmations.expect(0, "STOP")
    assert [confirmations.confirmed("STOP") for _ in range(2)] == [first, second]
    assert confirmations.confirmed("STOP") is None
    assert confirmations.take_all() == [left]


def test_a_command_that_was_passed_over_is_not_confirmed_by_a_later_answer() -> None:
    confirmations = Confirmations()
    confirmations.expect(0, "STOP")  # lost on its way
    confirmations.expect(0, "LEFT")
    newer = confirmations.expect(0, "STOP")
    confirmations.confirmed("LEFT")
    assert confirmations.confirmed("STOP") is newer


def test_the_newest_of_some_words() -> None:
    confirmations = Confirmations()
    assert confirmations.newest("LEFT", "STOP") is None
    confirmations.expect(0, "STOP")
    left = confirmations.expect(0, "LEFT")
    confirmations.expect(0, "SERVO")
    assert confirmations.newest("LEFT", "STOP") is left
    confirmations.confirmed("SERVO")
    assert confirmations.newest("LEFT", "STOP") is None, "it can not be confirmed any more"


def test_a_stop_is_overdue_sooner() -> None:
    confirmations = Confirmations()
    confirmations.expect(0, "LEFT")
    stop = confirmations.expect(0.1, "STOP", timeout_s=STOP_TIMEOUT_S)
    assert confirmations.next_due == 0.1 + STOP_TIMEOUT_S
    assert confirmations.overdue(0.5) == [stop]


def test_nobody_has_sent_what_is_not_pending() -> None:
    assert Confirmations().confirmed("FORWARD") is None


def test_what_waits_too_long_is_overdue_once() -> None:
    confirmations = Confirmations()
    confirmations.expect(10, "LEFT")
    confirmations.expect(10.5, "STOP")
    assert confirmations.next_due == 10 + TIMEOUT_S
    assert confirmations.overdue(10.99) == []
    assert [pending.word for pending in confirmations.overdue(11)] == ["LEFT"]
    assert confirmations.overdue(11) == []
    assert confirmations.next_due == 10.5 + TIMEOUT_S


def test_nothing_pending_is_never_due() -> None:
    assert Confirmations().next_due is None


def test_it_knows_what_it_awaits() -> None:
    confirmations = Confirmations()
    confirmations.expect(0, "STOP")
    assert confirmations.awaits("STOP")
    assert not confirmations.awaits("LEFT")
    confirmations.confirmed("STOP")
    assert not confirmations.awaits("STOP")


def test_there_is_an_end_to_what_it_remembers() -> None:
    confirmations = Confirmations()
    for number in range(MOST_PENDING):
        confirmations.expect(0, str(number))
        assert confirmations.surplus() is None
    confirmations.expect(0, "last")
    forgotten = confirmations.surplus()
    assert forgotten is not None
    assert forgotten.word == "0"
    assert len(words(confirmations)) == MOST_PENDING


def test_a_lost_line_leaves_nothing_pending() -> None:
    confirmations = Confirmations()
    confirmations.expect(0, "LEFT")
    confirmations.expect(0, "STOP")
    assert words(confirmations) == ["LEFT", "STOP"]
    assert words(confirmations) == []
