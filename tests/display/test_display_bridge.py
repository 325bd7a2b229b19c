"""The display bridge as a whole, on a hand-moved clock: state, commands, messages, pictures, panel, backlight."""

from __future__ import annotations

import io
import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from bridges.display.bridge import Display
from bridges.display.face.expressions import EXPRESSIONS
from bridges.display.panel.screen import LONGEST_RETRY_S
from bridges.display.portrait import Portrait, png
from smartcar_mqtt.status_bridge import BLOCKED_S
from tests.display.desk import BASE, FRAME_S, SIZE, Desk

MakeDesk = Callable[..., Desk]


def picture_of(expression: str, text: str = "", size: tuple[int, int] = SIZE, theme: str = "dark") -> Image.Image:
    encoded = png(Portrait(EXPRESSIONS[expression], text, *size, theme, monochrome=theme == "mono"))
    return Image.open(io.BytesIO(encoded))


def lower_part(desk: Desk) -> bytes:
    """The part of the panel where the mouth and the text are."""
    content = desk.file.content
    return content[len(content) * 2 // 3 :]


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and ImageChops.difference(a.convert("RGB"), b.convert("RGB")).getbbox() is None


class TestState:
    def test_it_is_told_from_the_beginning(self, desk: Desk) -> None:
        state = desk.state
        assert {key: state[key] for key in ("expression", "shown_by", "message", "link", "follow_assistant")} == {
            "expression": "base",
            "shown_by": "user",
            "message": "",
            "link": True,
            "follow_assistant": True,
        }
        assert state["attributes"]["shown_by"] == {"chosen": "base", "status": ""}
        assert state["attributes"]["link"]["device"] == "/dev/fb0"

    def test_there_is_a_select_with_all_expressions(self) -> None:
        select = Display.entities["expression"]
        assert select.platform == "select"
        assert select.options == tuple(EXPRESSIONS)

    def test_the_first_picture_is_on_the_panel_and_in_home_assistant(self, desk: Desk) -> None:
        assert not desk.file.is_black
        assert same(desk.pictures(1)[0], picture_of("base"))


class TestExpression:
    @pytest.mark.parametrize("name", EXPRESSIONS)
    def test_whatever_is_chosen_is_shown(self, desk: Desk, name: str) -> None:
        assert desk.ask("expression", name)["status"] == "done"
        assert (desk.state["expression"], desk.state["shown_by"]) == (name, "user")
        desk.pass_time(1)
        assert same(desk.settled_pictures()[-1], picture_of(name))

    def test_an_unknown_one_is_refused(self, desk: Desk) -> None:
        answer = desk.ask("expression", "angry")
        assert answer["status"] == "refused"
        assert "happy" in answer["reason"]
        assert desk.state["expression"] == "base"

    def test_it_is_remembered_over_restarts(self, make_desk: MakeDesk) -> None:
        first = make_desk()
        first.ask("expression", "excited")
        first.close()
        assert make_desk().state["expression"] == "excited"

    def test_one_of_an_earlier_version_is_forgotten(self, make_desk: MakeDesk, tmp_path: Path) -> None:
        (tmp_path / "car-display.json").write_text('{"expression": "angry"}')
        assert make_desk().state["expression"] == "base"

    def test_who_chooses_sees_it_also_while_the_assistant_speaks(self, desk: Desk) -> None:
        desk.tell("orchestrator/state", {"phase": "speaking"})
        assert (desk.state["expression"], desk.state["shown_by"]) == ("speaking", "assistant")
        desk.ask("expression", "happy")
        assert (desk.state["expression"], desk.state["shown_by"]) == ("happy", "user")
        desk.tell("orchestrator/state", {"phase": "listening"})
        assert (desk.state["expression"], desk.state["shown_by"]) == ("listening", "assistant")
        desk.tell("orchestrator/state", {"phase": "idle"})
        assert (desk.state["expression"], desk.state["shown_by"]) == ("happy", "user")

    def test_the_panel_shows_it(self, desk: Desk) -> None:
        desk.ask("expression", "sleep")
        desk.pass_time(1)
        asleep = desk.file.content
        desk.ask("expression", "sad")
        desk.pass_time(1)
        sad = desk.file.content
        desk.ask("expression", "sleep")
        desk.pass_time(1)
        assert sad != asleep
        assert desk.file.content == asleep


class TestCarStatus:
    def test_the_assistant_is_followed_and_let_go_again(self, desk: Desk) -> None:
        desk.tell("orchestrator/availability", b"online")
        desk.tell("orchestrator/state", {"phase": "thinking"})
        assert desk.state["expression"] == "curious"
        desk.tell("orchestrator/state", {"phase": "idle"})
        assert desk.state["expression"] == "base"
        desk.tell("orchestrator/availability", b"offline")
        assert desk.state["expression"] == "sad"
        assert desk.state["attributes"]["shown_by"]["status"] == "Assistant offline"
        desk.pass_time(1)
        assert same(desk.settled_pictures()[-1], picture_of("sad", "Assistant offline"))

    def test_not_where_it_is_switched_off(self, desk: Desk) -> None:
        desk.ask("follow_assistant", "OFF")
        desk.tell("orchestrator/state", {"phase": "thinking"})
        assert desk.state["expression"] == "base"
        desk.ask("follow_assistant", "ON")
        assert desk.state["expression"] == "curious"

    def test_switching_it_on_shows_the_assistant_even_after_a_choice(self, desk: Desk) -> None:
        desk.tell("orchestrator/state", {"phase": "thinking"})
        desk.ask("expression", "happy")
        desk.ask("follow_assistant", "OFF")
        desk.ask("follow_assistant", "ON")
        assert desk.state["expression"] == "curious"

    def test_an_obstacle_surprises_for_a_while(self, desk: Desk) -> None:
        desk.tell("motion/state", {"obstacle": True, "link": True})
        assert (desk.state["expression"], desk.state["shown_by"]) == ("surprised", "safety")
        desk.pass_time(BLOCKED_S)
        assert desk.state["expression"] == "base"

    def test_the_emergency_stop_stands_above_messages(self, desk: Desk) -> None:
        desk.ask("message", "Hello")
        desk.tell("motion/state", {"emergency_stop": True, "link": True})
        desk.pass_time(2)
        assert same(desk.settled_pictures()[-1], picture_of("sad", "Emergency stop"))

    def test_a_lost_broker_is_told_on_the_panel(self, desk: Desk) -> None:
        before = lower_part(desk)
        desk.broker.lose()
        desk.pass_time(1)
        assert lower_part(desk) != before
        desk.broker.connect()
        desk.broker.receive(f"{BASE}/sync", b"sync")
        desk.pass_time(1)
        assert lower_part(desk) == before


class TestMessage:
    def test_it_stands_as_long_as_it_shall(self, desk: Desk) -> None:
        assert desk.ask("message", '{"value": "Hello", "seconds": 5}')["status"] == "done"
        assert desk.state["message"] == "Hello"
        desk.pass_time(4.7)
        assert desk.state["message"] == "Hello"
        assert same(desk.settled_pictures()[-1], picture_of("base", "Hello"))
        desk.pass_time(1.5)
        assert desk.state["message"] == ""
        assert same(desk.settled_pictures()[-1], picture_of("base"))

    def test_without_seconds_it_stands_as_long_as_reading_takes(self, desk: Desk) -> None:
        desk.ask("message", "Hi")
        desk.skip(5)
        assert desk.state["message"] == "Hi"
        desk.skip(10)
        assert desk.state["message"] == ""
        long = "All that I have to say today is rather long. " * 5
        desk.ask("message", long)
        desk.skip(15)
        assert desk.state["message"] == long.strip()
        desk.skip(120)
        assert desk.state["message"] == ""

    def test_an_empty_one_takes_it_back(self, desk: Desk) -> None:
        desk.ask("message", "Hello")
        desk.ask("message", "")
        assert desk.state["message"] == ""

    def test_a_long_one_scrolls_and_stops_to_be_drawn_afterwards(self, desk: Desk) -> None:
        desk.ask("expression", "sleep")
        desk.ask("message", "one two three four five six seven eight nine ten eleven twelve " * 3)
        seen = set()
        for _ in range(60):
            desk.pass_time(0.5)
            seen.add(desk.file.content)
        assert len(seen) > 5
        desk.ask("message", "")
        desk.pass_time(1)
        drawn = len(desk.frames)
        desk.skip(60)
        assert len(desk.frames) == drawn

    @pytest.mark.parametrize(
        "text", ["😀 Grüße Привет שלום مرحبا 你好", "\u202e\ufffd\U0010ffff", "a\x01b\nc", "\u200b", "\\u0000"]
    )
    def test_whatever_people_type_is_survived(self, desk: Desk, text: str) -> None:
        assert desk.ask("message", json.dumps({"value": text}))["status"] == "done"
        desk.pass_time(1)
        assert desk.ask("expression", "happy")["status"] == "done"


class TestSleep:
    def test_the_face_falls_asleep_and_wakes_up(self, make_desk: MakeDesk) -> None:
        desk = make_desk(sleep_after=20)
        desk.skip(18)
        assert desk.state["expression"] == "base"
        desk.skip(3)
        assert (desk.state["expression"], desk.state["shown_by"]) == ("sleep", "user")
        assert same(desk.settled_pictures()[-1], picture_of("sleep"))
        desk.ask("message", "Wake up")
        assert desk.state["expression"] == "base"

    def test_the_assistants_news_wake_it_up(self, make_desk: MakeDesk) -> None:
        desk = make_desk(sleep_after=20)
        desk.skip(30)
        desk.tell("orchestrator/state", {"phase": "idle"})
        assert desk.state["expression"] == "base"

    def test_a_broker_that_comes_back_does_not(self, make_desk: MakeDesk) -> None:
        desk = make_desk(sleep_after=20)
        desk.skip(30)
        desk.broker.lose()
        desk.pass_time(1)
        desk.broker.connect()
        desk.broker.receive(f"{BASE}/sync", b"sync")
        desk.pass_time(1)
        assert desk.state["expression"] == "sleep"

    def test_a_person_and_speech_wake_it_up(self, make_desk: MakeDesk) -> None:
        for source, message in (("vision/objects", person(0.5)), ("tts/level", 0.3)):
            desk = make_desk(sleep_after=20)
            desk.skip(30)
            assert desk.state["expression"] == "sleep"
            desk.tell(source, message)
            assert desk.state["expression"] == "base"


def person(middle: float, number: int = 1) -> dict[str, object]:
    box = [middle - 0.1, 0.3, middle + 0.1, 0.9]
    return {"objects": [{"id": number, "label": "person", "score": 0.9, "box": box, "position": "left"}], "time": 1.0}


class TestHearing:
    def test_it_turns_to_a_person_as_a_mirror_does(self, make_desk: MakeDesk, tmp_path: Path) -> None:
        looks = {}
        for mirror in (True, False):
            (tmp_path / str(mirror)).mkdir()
            desk = make_desk(tmp_path / str(mirror), mirror_gaze=mirror)
            desk.ask("expression", "happy")
            for _ in range(15):
                desk.tell("vision/objects", person(0.1))
            looks[mirror] = desk.settled_pictures()[-1]
        assert not same(looks[True], picture_of("happy"))
        assert not same(looks[True], looks[False])

    def test_the_mouth_moves_with_the_level(self, desk: Desk) -> None:
        desk.ask("expression", "speaking")
        desk.tell("tts/level", {"level": 0.0})
        desk.pass_time(2)
        closed = lower_part(desk)
        desk.tell("tts/level", 1.0)
        desk.pass_time(0.15)
        assert lower_part(desk) != closed
        desk.pass_time(1)
        assert lower_part(desk) == closed

    @pytest.mark.parametrize(("source", "good"), [("tts/level", 0.5), ("vision/objects", {"objects": []})])
    def test_damaged_messages_are_passed_over_and_logged_once(
        self, desk: Desk, caplog: pytest.LogCaptureFixture, source: str, good: object
    ) -> None:
        with caplog.at_level(logging.WARNING):
            for damaged in ("loud", [1], {"level": "x", "objects": 3}, None):
                desk.tell(source, damaged)
            assert len(caplog.records) == 1
            assert source in caplog.text
            desk.tell(source, good)
            desk.tell(source, "loud")
        assert len(caplog.records) == 1, "the same cause is told once in ten minutes"
        assert desk.state["expression"] == "base"


class TestFrames:
    def test_there_are_never_more_than_the_limit(self, desk: Desk) -> None:
        desk.ask("expression", "excited")
        for number in range(50):
            desk.tell("tts/level", number % 5 / 5)
            desk.tell("vision/objects", person(number % 9 / 9))
        pauses = [later - earlier for earlier, later in itertools.pairwise(desk.frames)]
        assert min(pauses) > FRAME_S - 1e-6
        assert len(desk.frames) > 50

    def test_a_face_that_does_not_change_is_not_drawn(self, desk: Desk) -> None:
        desk.ask("expression", "sleep")
        desk.pass_time(1)
        drawn = len(desk.frames)
        desk.skip(3600)
        assert len(desk.frames) == drawn

    def test_news_that_change_nothing_are_not_drawn(self, desk: Desk) -> None:
        desk.ask("expression", "sleep")
        desk.pass_time(1)
        drawn = len(desk.frames)
        for number in range(20):
            desk.tell("vision/objects", person(number / 20))
            desk.tell("motion/state", {"link": True, "motion": "forward", "distance_center": number})
        assert len(desk.frames) == drawn

    def test_a_face_in_idleness_is_drawn_for_blinks_and_glances(self, desk: Desk) -> None:
        drawn = len(desk.frames)
        desk.skip(60)
        assert 60 < len(desk.frames) - drawn < 60 * 5


class TestPictures:
    def test_blinks_and_glances_make_none(self, desk: Desk) -> None:
        desk.skip(120)
        assert len(desk.settled_pictures()) == 1

    def test_there_is_at_most_one_in_each_interval_and_the_last_change_comes_through(self, make_desk: MakeDesk) -> None:
        desk = make_desk(image_interval=5)
        began = desk.clock.monotonic()
        while desk.clock.monotonic() < began + 11:
            for name in ("happy", "sad", "curious"):
                desk.ask("expression", name)
        desk.ask("expression", "look_left")
        desk.pass_time(6)
        found = desk.settled_pictures()
        assert 3 <= len(found) <= 5
        assert same(found[-1], picture_of("look_left"))

    def test_a_change_and_back_within_the_interval_makes_none(self, make_desk: MakeDesk) -> None:
        desk = make_desk(image_interval=10)
        desk.ask("expression", "happy")
        desk.ask("expression", "base")
        desk.pass_time(20)
        assert len(desk.settled_pictures()) == 1

    def test_a_person_who_sways_makes_no_flood(self, desk: Desk) -> None:
        for number in range(200):
            desk.tell("vision/objects", person(0.4 + 0.05 * (number % 3)))
        assert len(desk.settled_pictures()) <= 2

    def test_the_same_pixels_are_on_the_panel(self, desk: Desk) -> None:
        desk.ask("expression", "look_up")
        desk.pass_time(0.5)
        picture = desk.settled_pictures()[-1].convert("RGB")
        panel = [int.from_bytes(desk.file.content[at : at + 2], "little") for at in range(0, len(desk.file.content), 2)]
        for number, raw in enumerate(panel):
            rgb = picture.getpixel((number % SIZE[0], number // SIZE[0]))
            shown = (raw >> 11 << 3, (raw >> 5 & 63) << 2, (raw & 31) << 3)
            assert all(abs(a - b) <= 8 for a, b in zip(rgb, shown, strict=True))

    def test_without_a_panel_there_are_pictures_all_the_same(self, make_desk: MakeDesk) -> None:
        desk = make_desk(driver="none", width=200, height=100)
        desk.ask("expression", "happy")
        desk.pass_time(1)
        assert desk.frames == []
        assert desk.settled_pictures()[-1].size == (200, 100)

    def test_the_themes_differ(self, make_desk: MakeDesk) -> None:
        assert same(make_desk(theme="light").pictures(1)[0], picture_of("base", theme="light"))


class TestPanel:
    def test_a_missing_one_is_told_and_everything_else_works(
        self, make_desk: MakeDesk, caplog: pytest.LogCaptureFixture
    ) -> None:
        desk = make_desk(plugged=False)
        assert desk.state["link"] is False
        assert "is not there" in desk.state["attributes"]["link"]["reason"]
        desk.ask("expression", "happy")
        desk.pass_time(1)
        assert same(desk.settled_pictures()[-1], picture_of("happy"))
        desk.file.plug_in()
        desk.skip(LONGEST_RETRY_S)
        assert desk.state["link"] is True
        assert desk.state["attributes"]["link"]["reason"] == ""
        assert not desk.file.is_black
        assert sum("trying again" in record.message for record in caplog.records) == 1

    def test_one_that_goes_away_is_survived(self, desk: Desk) -> None:
        desk.file.unplug()
        desk.ask("expression", "happy")
        assert desk.state["link"] is False
        desk.file.plug_in()
        desk.skip(LONGEST_RETRY_S)
        assert desk.state["link"] is True
        assert not desk.file.is_black

    def test_it_is_black_at_the_end(self, desk: Desk) -> None:
        desk.ask("expression", "happy")
        desk.close()
        assert desk.file.is_black


class TestBacklight:
    def test_without_one_there_is_no_brightness(self, desk: Desk) -> None:
        assert desk.state["backlight"] is False
        assert desk.state["brightness"] is None
        answer = desk.ask("brightness", "50")
        assert answer["status"] == "blocked"
        assert "backlight" in answer["reason"]

    def test_it_is_set(self, make_desk: MakeDesk, tmp_path: Path) -> None:
        folder = tmp_path / "backlights" / "lcd"
        folder.mkdir(parents=True)
        (folder / "max_brightness").write_text("255\n")
        (folder / "brightness").write_text("255\n")
        desk = make_desk()
        assert (desk.state["backlight"], desk.state["brightness"]) == (True, 100)
        assert desk.state["attributes"]["backlight"]["device"] == "lcd"
        assert desk.ask("brightness", "40")["status"] == "done"
        assert desk.state["brightness"] == 40
        assert (folder / "brightness").read_text() == "102\n"
        (folder / "brightness").unlink()
        (folder / "brightness").mkdir()
        assert desk.ask("brightness", "50")["status"] == "blocked"
        assert desk.state["brightness"] == 40

    def test_a_name_that_is_not_there_is_told(self, make_desk: MakeDesk) -> None:
        desk = make_desk(backlight="lcd")
        assert desk.state["backlight"] is False
        assert "'lcd'" in desk.state["attributes"]["backlight"]["reason"]
