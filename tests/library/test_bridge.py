"""The base of all bridges: announcing, publishing state, obeying or refusing commands.

What needs no network runs on a hand-moved clock; what could go wrong between us and a broker runs against Mosquitto.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import msgspec
import pytest

from smartcar_mqtt import answers
from smartcar_mqtt.bridge import SYNC_TIMEOUT_S
from smartcar_mqtt.commands import Status
from smartcar_mqtt.mqtt import discovery
from smartcar_mqtt.published_state import MOST_STATES_UNDER_WAY
from smartcar_mqtt.worker import MOST_WAITING
from tests.library.example import BASE, BIRTH, DISCOVERY, Desk, Lamp, make_config, running
from tests.support.mosquitto import Mosquitto
from tests.support.observer import Observer, Seen

TIMEOUT_S = 10.0
STATE, RESULT, AVAILABILITY = f"{BASE}/state", f"{BASE}/result", f"{BASE}/availability"


def online(message: Seen) -> bool:
    return message.payload == b"online"


def order(topics: list[str]) -> list[str]:
    """The announcing topics among these, in their order."""
    return [topic for topic in topics if topic in {DISCOVERY, AVAILABILITY, STATE}]


# -- announcing ------------------------------------------------------------------------------------------------------


def test_nothing_is_published_before_the_announcement() -> None:
    desk = Desk(announced=False)
    desk.lamp.hardware = True
    desk.broker.connect()
    desk.lamp.hardware = False
    assert desk.broker.sent[0].topic == f"{BASE}/sync"
    assert order([message.topic for message in desk.broker.sent]) == []


def test_discovery_then_availability_then_state_and_all_of_it_retained(desk: Desk) -> None:
    announced = [message for message in desk.broker.sent if order([message.topic])]
    assert [message.topic for message in announced] == [DISCOVERY, AVAILABILITY, STATE]
    assert all(message.retain and message.qos == 1 for message in announced)


def test_where_the_broker_keeps_old_messages_from_us_the_announcement_comes_a_little_later() -> None:
    desk = Desk(announced=False)
    desk.broker.connect()
    desk.pass_time(SYNC_TIMEOUT_S - 0.01)
    assert not desk.broker.on(DISCOVERY)
    desk.pass_time(0.01)
    assert len(desk.broker.on(DISCOVERY)) == 1
    desk.broker.receive(f"{BASE}/sync", b"sync")
    assert len(desk.broker.on(DISCOVERY)) == 1


def test_the_time_out_of_a_connection_that_was_lost_does_not_hurry_the_next_one() -> None:
    desk = Desk(announced=False)
    desk.broker.connect()
    desk.pass_time(SYNC_TIMEOUT_S - 0.5)
    desk.broker.lose()
    desk.broker.connect()
    desk.pass_time(0.5)
    assert not desk.broker.on(DISCOVERY)


def test_the_first_state_has_every_key_and_null_for_what_is_unknown(desk: Desk) -> None:
    (state,) = desk.states()
    with_state = {key for key, entity in Lamp.entities.items() if entity.has_state}
    assert state.keys() == with_state | {"attributes"}
    assert state["log_level"] == "INFO"
    assert state["broker_problem"] == "none"
    assert {state[key] for key in with_state - {"log_level", "broker_problem"}} == {None}


def test_after_a_reconnect_everything_is_announced_again(desk: Desk) -> None:
    desk.lamp.warmth = 20
    desk.broker.lose()
    assert desk.lamp.losses == ["pulled the plug"]
    desk.broker.sent.clear()
    desk.lamp.warmth = 21
    desk.announce()
    assert order([message.topic for message in desk.broker.sent]) == [DISCOVERY, AVAILABILITY, STATE]
    assert desk.states()[-1]["warmth"] == 21


@pytest.mark.parametrize("topic", ["homeassistant/status", "ha/status", "house/started"])
def test_home_assistant_may_say_on_any_of_its_topics_that_it_has_started(topic: str) -> None:
    desk = Desk(discovery_prefix="ha", birth_topic="house/started")
    desk.broker.sent.clear()
    desk.broker.receive(topic, b"online")
    desk.pass_time(0)
    assert [message.topic for message in desk.broker.sent][-1] == STATE


def test_saying_it_on_two_topics_is_answered_once() -> None:
    desk = Desk(discovery_prefix="ha", birth_delay=3.0)
    desk.broker.sent.clear()
    for topic in ("homeassistant/status", "ha/status"):
        desk.broker.receive(topic, b"online")
    desk.pass_time(3.0)
    assert len(desk.broker.on(STATE)) == 1


def test_own_state_topics_are_part_of_the_announcement(desk: Desk) -> None:
    desk.lamp.ring = {"state": True, "brightness": 9}
    desk.broker.lose()
    desk.announce()
    sent = desk.broker.on(f"{BASE}/ring/state")
    assert [message.json for message in sent] == [{"state": "ON", "brightness": 9, "color_mode": "rgb"}] * 2
    assert all(message.retain for message in sent)


def test_images_are_sent_again_with_each_announcement_and_camera_pictures_are_not(desk: Desk) -> None:
    desk.lamp.picture.show(b"old")
    desk.lamp.picture.show(b"new")
    desk.lamp.view.show(b"frame")
    desk.broker.lose()
    desk.announce()
    assert [message.payload for message in desk.broker.on(f"{BASE}/picture")] == [b"old", b"new", b"new"]
    assert len(desk.broker.on(f"{BASE}/view")) == 1


@pytest.mark.parametrize("longest", [0.0, 3.0])
def test_home_assistants_birth_is_answered_within_the_delay(longest: float) -> None:
    desk = Desk(birth_delay=longest)
    desk.broker.sent.clear()
    desk.broker.receive(BIRTH, b"online")
    desk.pass_time(longest)
    assert order([message.topic for message in desk.broker.sent]) == [DISCOVERY, AVAILABILITY, STATE]


def test_births_are_answered_after_random_delays() -> None:
    due = []
    for _ in range(5):
        desk = Desk(birth_delay=3.0)
        assert desk.scheduler.run_due() is None
        desk.broker.receive(BIRTH, b"online")
        due.append(desk.scheduler.run_due())
    assert len(set(due)) == 5


@pytest.mark.parametrize(("payload", "retained"), [(b"online", True), (b"offline", False), (b"", False)])
def test_what_is_no_fresh_birth_is_ignored(desk: Desk, payload: bytes, *, retained: bool) -> None:
    desk.broker.sent.clear()
    desk.broker.receive(BIRTH, payload, retained=retained)
    desk.pass_time(10)
    assert desk.broker.sent == []


def test_a_birth_that_was_to_be_answered_while_the_broker_is_away_does_not_spoil_the_reconnect() -> None:
    """Home Assistant and its broker are often restarted together."""
    desk = Desk(birth_delay=3.0)
    desk.broker.receive(BIRTH, b"online")
    desk.broker.lose()
    desk.pass_time(3)
    desk.broker.sent.clear()
    desk.announce()
    assert order([message.topic for message in desk.broker.sent]) == [DISCOVERY, AVAILABILITY, STATE]


def test_a_birth_before_the_first_announcement_does_not_hide_what_an_older_version_left() -> None:
    desk = Desk(announced=False)
    desk.broker.connect()
    desk.broker.receive(BIRTH, b"online")
    desk.pass_time(0)
    assert not desk.broker.on(DISCOVERY)
    desk.broker.receive(DISCOVERY, b'{"components":{"old":{"platform":"sensor"}}}', retained=True)
    desk.broker.receive(f"{BASE}/sync", b"sync")
    assert desk.broker.on(DISCOVERY)[0].json["components"]["old"] == {"platform": "sensor"}


def test_the_will_is_the_availability() -> None:
    assert Lamp.will(make_config()) == (AVAILABILITY, b"offline")


class Cut:
    """The connection is lost while a message of this topic is being published, by the thread that announces."""

    def __init__(self, desk: Desk, topic: str) -> None:
        self.desk = desk
        self.topic = topic
        self.publish = desk.broker.publish
        desk.broker.publish = self  # type: ignore[method-assign]

    def __call__(self, topic: str, payload: bytes, **more: Any) -> None:
        if topic == self.topic:
            self.desk.broker.publish = self.publish  # type: ignore[method-assign]
            self.desk.broker.lose()
        self.publish(topic, payload, **more)


def test_a_connection_that_is_lost_in_the_middle_of_an_announcement() -> None:
    desk = Desk(announced=False)
    Cut(desk, DISCOVERY)
    desk.announce()
    desk.broker.connect()
    desk.lamp.hardware = True
    assert not order([message.topic for message in desk.broker.sent])
    desk.broker.receive(f"{BASE}/sync", b"sync")
    assert order([message.topic for message in desk.broker.sent]) == [DISCOVERY, AVAILABILITY, STATE]


# -- state -------------------------------------------------------------------------------------------------------------


def test_numbers_are_published_at_most_state_hz_times_a_second() -> None:
    desk = Desk(state_hz=4.0)
    before = len(desk.states())
    for number in range(100):  # 10 s at 10 values a second
        desk.lamp.warmth = number
        desk.pass_time(0.1)
    assert 30 <= len(desk.states()) - before <= 40
    desk.pass_time(1)
    assert desk.states()[-1]["warmth"] == 99


def test_the_last_of_many_values_is_never_lost(desk: Desk) -> None:
    for number in range(10):
        desk.lamp.warmth = number
    assert len(desk.states()) == 1
    desk.pass_time(0.5)
    assert [state["warmth"] for state in desk.states()] == [None, 9]


def test_the_first_value_after_a_pause_is_published_at_once(desk: Desk) -> None:
    desk.pass_time(60)
    desk.lamp.warmth = 5
    assert desk.states()[-1]["warmth"] == 5


def test_what_is_urgent_is_published_at_once_with_all_that_waits(desk: Desk) -> None:
    desk.lamp.warmth = 5
    desk.lamp.hardware = True
    assert desk.states()[-1]["hardware"] is True
    assert desk.states()[-1]["warmth"] == 5
    desk.pass_time(10)
    assert len(desk.states()) == 2  # nothing was left for later


def test_what_people_set_is_published_at_once(desk: Desk) -> None:
    desk.lamp.tint = "cold"
    assert desk.states()[-1]["tint"] == "cold"


def test_a_value_that_does_not_change_is_not_published(desk: Desk) -> None:
    desk.lamp.hardware = True
    count = len(desk.states())
    desk.lamp.hardware = True
    desk.pass_time(10)
    assert len(desk.states()) == count


def test_several_values_are_one_message(desk: Desk) -> None:
    desk.lamp.update(hardware=True, warmth=3, tint="warm")
    assert len(desk.states()) == 2


def test_a_wrong_value_changes_nothing_of_what_came_with_it(desk: Desk) -> None:
    with pytest.raises(ValueError, match="mood: 'sad' is not one of calm, wild"):
        desk.lamp.update(warmth=3, mood="sad")
    with pytest.raises(KeyError):
        desk.lamp.update(nothing=3)
    assert desk.lamp.warmth is None


def test_attributes_are_published_beside_the_values(desk: Desk) -> None:
    desk.lamp.set_attributes("mood", reason="sunny", since=3)
    desk.pass_time(1)
    assert desk.states()[-1]["attributes"] == {"mood": {"reason": "sunny", "since": 3}}
    count = len(desk.states())
    desk.lamp.set_attributes("mood", reason="sunny", since=3)
    desk.pass_time(1)
    assert len(desk.states()) == count


def test_attributes_must_be_declared(desk: Desk) -> None:
    with pytest.raises(KeyError, match="warmth is declared without attributes"):
        desk.lamp.set_attributes("warmth", a=1)


def test_streams_and_events_do_not_touch_the_state(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed: list[tuple[str, bytes]] = []
    monkeypatch.setattr(desk.broker, "stream", lambda topic, payload: streamed.append((topic, payload)))
    desk.lamp.samples.put(b"{}")
    desk.lamp.touched.fire("short")
    assert streamed == [(f"{BASE}/samples", b"{}")]
    assert len(desk.states()) == 1


# -- commands ----------------------------------------------------------------------------------------------------------


def test_a_command_that_is_done_is_answered(desk: Desk) -> None:
    desk.command("tint", b'{"value": "cold", "source": "remote", "id": 7}')
    assert desk.results() == [
        {"command": "tint", "status": "done", "reason": "", "source": "remote", "id": 7, "value": "cold"}
    ]
    assert desk.states()[-1]["tint"] == "cold"


@pytest.mark.parametrize(
    ("key", "payload", "status", "reason"),
    [
        ("tint", b"hot", "refused", "'hot' is not an option (allowed: warm, cold)"),
        ("tint", b"", "refused", "the payload is empty"),
        ("tint", b"\xff", "refused", "the payload is not UTF-8 text"),
        ("forbidden", b"PRESS", "blocked", "the lamp is hot"),
        ("broken", b"PRESS", "refused", "internal error, see the log: a bug"),
        ("nothing", b"PRESS", "refused", "there is no command 'nothing'"),
        ("warmth", b"3", "refused", "there is no command 'warmth'"),
    ],
)
def test_a_command_that_is_not_done_is_answered_with_the_reason(
    desk: Desk, key: str, payload: bytes, status: str, reason: str
) -> None:
    desk.command(key, payload)
    (result,) = desk.results()
    assert (result["command"], result["status"], result["reason"]) == (key, status, reason)
    assert desk.lamp.ran.empty()


def test_what_was_not_done_shows_in_home_assistant_and_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.command("forbidden", b'{"source": "voice", "id": "n1"}')
    assert desk.lamp.last_refused == "forbidden: the lamp is hot"
    state = desk.states()[-1]
    assert state["last_refused"] == "forbidden: the lamp is hot"
    details = {"command": "forbidden", "status": "blocked", "reason": "the lamp is hot", "source": "voice"}
    assert state["attributes"]["last_refused"].items() >= details.items()
    (event,) = desk.broker.on(f"{BASE}/command_refused")
    assert event.json["event_type"] == "blocked"
    assert event.json.items() >= details.items()
    assert not event.retain
    assert "forbidden: the lamp is hot (blocked, from voice)" in caplog.text


def test_a_very_long_reason_is_cut_to_what_home_assistant_stores(desk: Desk) -> None:
    desk.command("tint", b"x" * 5000)
    assert len(desk.lamp.last_refused) <= 255


def test_a_bug_in_a_handler_makes_the_hardware_safe(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.command("broken")
    assert desk.lamp.made_safe == ["error in command broken"]
    assert "ZeroDivisionError" in caplog.text
    desk.command("flash")
    assert desk.lamp.ran.get(timeout=TIMEOUT_S).key == "flash"


def test_a_handler_may_answer_later(desk: Desk) -> None:
    desk.command("later", b'{"id": 5}')
    assert desk.results() == []
    desk.lamp.deferred[0].answer(Status.DONE)
    desk.lamp.deferred[0].answer(Status.REFUSED, "too late")
    assert [(result["id"], result["status"]) for result in desk.results()] == [(5, "done")]


def test_a_retained_command_is_never_obeyed(desk: Desk) -> None:
    desk.command("flash", b"PRESS", retained=True)
    (result,) = desk.results()
    assert result["status"] == "refused"
    assert result["reason"].endswith(f"clear with: mosquitto_pub -r -n -t {BASE}/flash/set")
    assert desk.lamp.ran.empty()


@pytest.mark.parametrize(
    ("key", "payload", "obeyed"),
    [
        ("stop", b"PRESS", True),
        ("lock", b"ON", True),
        ("lock", b"OFF", False),
        ("raw", b"halt", True),
        ("raw", b"go", False),
    ],
)
def test_but_one_that_can_only_make_the_car_safer(desk: Desk, key: str, payload: bytes, *, obeyed: bool) -> None:
    desk.command(key, payload, retained=True)
    assert desk.results()[0]["status"] == ("done" if obeyed else "refused")
    assert desk.lamp.ran.empty() != obeyed


def test_clearing_a_retained_command_is_no_command(desk: Desk) -> None:
    for key in ("flash", "label", "ring"):
        desk.command(key, b"", retained=True)
    assert desk.results() == []
    assert desk.lamp.label is None


def test_an_empty_text_is_a_text(desk: Desk) -> None:
    desk.command("label", b"")
    assert desk.lamp.label == ""


def test_the_log_level_can_be_chosen(desk: Desk) -> None:
    desk.command("log_level", b"DEBUG")
    assert logging.getLogger().level == logging.DEBUG
    assert desk.states()[-1]["log_level"] == "DEBUG"
    desk.command("log_level", b"verbose")
    assert desk.results()[-1]["status"] == "refused"
    assert logging.getLogger().level == logging.DEBUG
    desk.command("log_level", b"Error")
    assert desk.states()[-1]["log_level"] == "ERROR"


@pytest.mark.parametrize(
    ("key", "payload", "value"),
    [
        ("brightness", b"42", 42),
        ("ring", b'{"state":"ON","effect":"rainbow"}', {"state": True, "effect": "rainbow"}),
        ("horn", b"OFF", {"state": False}),
        ("software", b"INSTALL", None),
        ("slow", b"PRESS", None),
    ],
)
def test_commands_run_on_the_worker_unless_declared_otherwise(desk: Desk, key: str, payload: bytes, value: Any) -> None:
    desk.lamp.release.set()
    desk.command(key, payload)
    ran = desk.lamp.ran.get(timeout=TIMEOUT_S)
    assert (ran.key, ran.value, ran.thread) == (key, value, "lamp-worker")


@pytest.mark.parametrize("key", ["flash", "stop", "label", "say", "tint"])
def test_immediate_commands_run_on_the_thread_that_receives_them(desk: Desk, key: str) -> None:
    desk.command(key, {"label": b"x", "say": b"x", "tint": b"warm"}.get(key, b"PRESS"))
    assert desk.lamp.ran.get(timeout=TIMEOUT_S).thread == threading.current_thread().name


def occupy(desk: Desk) -> None:
    """Let the worker be busy until `release` is set."""
    desk.command("slow")
    assert desk.lamp.ran.get(timeout=TIMEOUT_S).key == "slow"


def test_a_slow_command_does_not_delay_an_immediate_one(desk: Desk) -> None:
    occupy(desk)
    desk.command("stop")
    assert desk.lamp.ran.get(timeout=TIMEOUT_S).key == "stop"
    assert [result["command"] for result in desk.results()] == ["stop"]
    desk.lamp.release.set()
    desk.broker.wait(RESULT, lambda message: message.json["command"] == "slow")


def test_a_command_that_has_waited_too_long_is_expired(desk: Desk) -> None:
    occupy(desk)
    desk.command("brightness", b"1", expires_in=2.0)
    desk.command("brightness", b"2", expires_in=20.0)
    desk.clock.advance(5)
    desk.lamp.release.set()
    expired = desk.broker.wait(RESULT, lambda message: message.json["value"] == "1").json
    assert expired["status"] == "expired"
    assert expired["reason"] == "the command waited longer than its message expiry allows"
    assert desk.broker.wait(RESULT, lambda message: message.json["value"] == "2").json["status"] == "done"
    assert desk.lamp.brightness == 2


def test_what_makes_the_car_safer_does_not_expire(desk: Desk) -> None:
    occupy(desk)
    desk.command("cool_down", expires_in=2.0)
    desk.clock.advance(5)
    desk.lamp.release.set()
    found = desk.broker.wait(RESULT, lambda message: message.json["command"] == "cool_down")
    assert found.json["status"] == "done"


def test_too_many_waiting_commands_are_refused(desk: Desk) -> None:
    occupy(desk)
    for _ in range(MOST_WAITING + 1):
        desk.command("brightness", b"1")
    assert [result["reason"] for result in desk.results()] == ["too many commands are waiting"]
    desk.lamp.release.set()


# -- against a real broker ---------------------------------------------------------------------------------------------


def test_a_lamp_from_its_announcement_to_its_goodbye(broker: Mosquitto, observer: Observer) -> None:
    with running(Lamp, make_config(broker.port)) as lamp:
        observer.wait(STATE)
        assert order([message.topic for message in observer.seen()]) == [DISCOVERY, AVAILABILITY, STATE]
        observer.send(f"{BASE}/brightness/set", "30")
        assert observer.wait(RESULT).json["status"] == "done"
        observer.wait(STATE, lambda message: message.json["brightness"] == 30)
        assert lamp.losses == []
    observer.wait(AVAILABILITY, lambda message: message.payload == b"offline")
    observer.flush()
    assert len([message for message in observer.seen(AVAILABILITY) if not online(message)]) == 1
    assert lamp.losses == []
    with Observer(broker.port, client_id="late") as late:
        late.flush()
        kept = {message.topic for message in late.seen() if message.retained}
        assert kept == {DISCOVERY, AVAILABILITY, STATE}


def test_threads(broker: Mosquitto, observer: Observer) -> None:
    with running(Lamp, make_config(broker.port)) as lamp:
        observer.wait(STATE)
        observer.send(f"{BASE}/flash/set", "PRESS")
        assert lamp.ran.get(timeout=TIMEOUT_S).thread.startswith("mqtt-")
        observer.send(f"{BASE}/brightness/set", "3")
        assert lamp.ran.get(timeout=TIMEOUT_S).thread == "lamp-worker"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_stop_is_not_held_up_by_a_slow_command(broker: Mosquitto, observer: Observer, protocol: str) -> None:
    with running(Lamp, make_config(broker.port, protocol=protocol)) as lamp:
        observer.wait(STATE)
        observer.send(f"{BASE}/slow/set", "PRESS")
        assert lamp.ran.get(timeout=TIMEOUT_S).key == "slow"
        observer.send(f"{BASE}/stop/set", "PRESS")
        assert lamp.ran.get(timeout=TIMEOUT_S).key == "stop"


def test_a_request_is_answered_on_its_response_topic_too(broker: Mosquitto, observer: Observer) -> None:
    with running(Lamp, make_config(broker.port)):
        observer.wait(STATE)
        observer.send(f"{BASE}/flash/set", "PRESS", ResponseTopic="answers/1", CorrelationData=b"\x01\x02")
        answer = observer.wait("answers/1")
        assert answer.correlation == b"\x01\x02"
        assert answer.payload == observer.wait(RESULT).payload
        observer.send(f"{BASE}/tint/set", "hot", ResponseTopic="answers/2")
        assert observer.wait("answers/2").json["status"] == "refused"


def test_retained_commands_are_refused_when_found_and_when_sent(broker: Mosquitto, observer: Observer) -> None:
    observer.send(f"{BASE}/flash/set", "PRESS", retain=True)
    with running(Lamp, make_config(broker.port)) as lamp:
        observer.wait(RESULT, lambda message: "never obeyed" in message.json["reason"])
        observer.wait(STATE)
        mark = observer.mark()
        observer.send(f"{BASE}/flash/set", "PRESS", retain=True)
        observer.wait(RESULT, lambda message: "never obeyed" in message.json["reason"], since=mark)
        mark = observer.mark()
        observer.send(f"{BASE}/flash/set", "", retain=True)
        observer.send(f"{BASE}/stop/set", "PRESS")
        observer.wait(RESULT, lambda message: message.json["command"] == "stop", since=mark)
        assert lamp.ran.get(timeout=TIMEOUT_S).key == "stop"
        assert len(observer.seen(RESULT, since=mark)) == 1


def test_home_assistants_birth(broker: Mosquitto, observer: Observer) -> None:
    observer.send(BIRTH, "online", retain=True)  # of a Home Assistant that was told to retain it
    with running(Lamp, make_config(broker.port, birth_delay=0.1)):
        observer.wait(STATE)
        observer.flush()
        assert len(observer.seen(DISCOVERY)) == 1
        mark = observer.mark()
        observer.send(BIRTH, "online", retain=True)
        observer.wait(STATE, since=mark)
        topics = [message.topic for message in observer.seen(since=mark)]
        assert order(topics) == [DISCOVERY, AVAILABILITY, STATE]


def test_after_a_restart_of_the_broker_it_is_announced_with_the_newest_state(
    broker: Mosquitto, observer: Observer
) -> None:
    with running(Lamp, make_config(broker.port)) as lamp:
        observer.wait(STATE)
        observer.await_reconnect()
        mark = observer.mark()
        broker.restart()  # without persistence: nothing that was retained is left
        lamp.warmth = 33
        observer.wait(STATE, lambda message: message.json["warmth"] == 33, since=mark)
        with Observer(broker.port, client_id="late") as late:
            late.wait(AVAILABILITY, online)
            late.wait(DISCOVERY)
            late.send(f"{BASE}/flash/set", "PRESS")
            assert lamp.ran.get(timeout=TIMEOUT_S).key == "flash"


def retained(port: int) -> dict[str, bytes]:
    """What the broker keeps."""
    with Observer(port, client_id="inspector") as inspector:
        inspector.flush()
        return {message.topic: message.payload for message in inspector.seen() if message.retained}


def test_entities_of_an_older_version_are_removed_in_two_steps(broker: Mosquitto, observer: Observer) -> None:
    with running(Lamp, make_config(broker.port)):
        observer.wait(STATE)
    old = msgspec.json.decode(observer.seen(DISCOVERY)[-1].payload)
    old["components"]["propeller"] = {"platform": "switch", "unique_id": "car_lamp_propeller", "command_topic": "x"}
    observer.send(DISCOVERY, msgspec.json.encode(old), retain=True)
    observer.wait(DISCOVERY, lambda message: b"command_topic" in message.payload and b"propeller" in message.payload)
    mark = observer.mark()
    with running(Lamp, make_config(broker.port)):
        observer.wait(STATE, since=mark)
        first, second = (message.json["components"] for message in observer.seen(DISCOVERY, since=mark))
        assert first["propeller"] == {"platform": "switch"}
        assert first.keys() == second.keys() | {"propeller"}
        assert "propeller" not in second


def test_from_one_style_of_discovery_to_the_other_and_to_none(
    broker: Mosquitto, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "STEP_PAUSE_S", 0.05)

    def run(mode: str) -> list[Seen]:
        mark = observer.mark()
        with running(Lamp, make_config(broker.port, discovery=mode)):
            observer.wait(STATE, since=mark)
        return [message for message in observer.seen(since=mark) if message.topic.startswith("homeassistant/")]

    def kept() -> set[str]:
        return {topic for topic in retained(broker.port) if topic.startswith("homeassistant/")}

    def is_migration(message: Seen) -> bool:
        return message.payload == discovery.MIGRATE

    single = {message.topic for message in run("component")}
    assert len(single) > 20
    assert kept() == single

    moving = run("device")
    assert kept() == {DISCOVERY}
    asked = [message.topic for message in moving if is_migration(message)]
    assert set(asked) == single
    assert all(is_migration(message) for message in moving[: len(asked)])
    assert moving[-1].topic == DISCOVERY

    moving = run("component")
    assert kept() == single
    assert (moving[0].topic, moving[0].payload) == (DISCOVERY, discovery.MIGRATE)
    assert (moving[1].topic, moving[1].payload) == (DISCOVERY, b"")

    run("off")
    assert kept() == set()
    with running(Lamp, make_config(broker.port, discovery="off")):
        observer.flush()


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_broker_that_is_lost_in_the_middle_of_a_migration(*, overtaken: bool) -> None:
    """The second step must neither come without a connection nor before the next connection's history is known."""
    desk = Desk(announced=False)
    old = discovery.announcement(Lamp, desk.lamp.topics, make_config(discovery="component"))

    def connect() -> None:
        desk.broker.connect()
        for topic, payload in old.items():
            desk.broker.receive(topic, payload, retained=True)

    connect()
    if overtaken:
        Cut(desk, next(iter(old)))
    desk.broker.receive(f"{BASE}/sync", b"sync")
    assert not desk.broker.on(AVAILABILITY)
    if not overtaken:
        desk.broker.lose()
    connect()
    desk.pass_time(discovery.STEP_PAUSE_S)
    assert not desk.broker.on(AVAILABILITY)
    desk.broker.receive(f"{BASE}/sync", b"sync")
    desk.pass_time(discovery.STEP_PAUSE_S)
    desk.pass_time(SYNC_TIMEOUT_S)
    assert len(desk.broker.on(AVAILABILITY)) == 1
    assert {message.topic for message in desk.broker.sent if message.payload == b""} == set(old)


def test_while_the_broker_takes_nothing_only_the_newest_state_waits(desk: Desk) -> None:
    before = len(desk.states())
    desk.broker.untaken = 1
    for number in range(50):
        desk.lamp.update(hardware=number % 2 == 0)  # urgent: else at once
    assert len(desk.states()) - before == MOST_STATES_UNDER_WAY
    desk.lamp.update(hardware=True)
    desk.broker.on_acknowledged(f"{BASE}/state")
    desk.pass_time(0)
    assert len(desk.states()) - before == MOST_STATES_UNDER_WAY + 1
    assert desk.states()[-1]["hardware"] is True


def test_what_is_refused_faster_than_it_can_be_told_is_counted(desk: Desk) -> None:
    desk.broker.untaken = answers.MOST_WAITING
    before = len(desk.broker.sent)
    for _ in range(300):
        desk.command("tint", b"nonsense")
    assert len(desk.broker.sent) == before
    desk.broker.untaken = 0
    desk.broker.on_acknowledged("anything")
    desk.pass_time(0)
    told = desk.results()[-1]
    assert told["status"] == "refused"
    assert told["reason"].startswith("300 commands came faster than they could be answered; the last: ")
