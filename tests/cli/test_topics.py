"""`smartcar topics`: what the reference tells people of each entity, and what it keeps to itself."""

from __future__ import annotations

import json
import re

import pytest

from bridges.display.face.expressions import EXPRESSIONS
from bridges.led.effects.registry import EFFECTS
from smartcar_mqtt.bridge import Bridge
from smartcar_mqtt.cli.topics import as_markdown, describe
from smartcar_mqtt.config import bridge_names
from smartcar_mqtt.entities import Event, Light, Sensor, Siren, Topics
from smartcar_mqtt.service import find_bridge
from tests.cli.conftest import Run

INNER = re.compile(r"\b(threads?|lock|locked|mutex|worker|scheduler|callback|timer|noqa)\b", re.IGNORECASE)
"""Words of those who write the program."""


def page(kind: type[Bridge]) -> str:
    topics = Topics("smartcar", "car", kind.name)
    return as_markdown([kind], describe(kind, topics), topics)


@pytest.mark.parametrize("name", bridge_names())
def test_each_entity_has_a_sentence_for_people(name: str) -> None:
    for key, entity in find_bridge(name).entities.items():
        assert re.fullmatch(r"[A-Z].{10,160}[.]", entity.about), f"{name}.{key}: {entity.about!r}"
        assert not INNER.search(entity.about), f"{name}.{key}: {entity.about!r}"


@pytest.mark.parametrize("name", bridge_names())
def test_no_inner_note_comes_into_the_reference(name: str) -> None:
    found = INNER.search(page(find_bridge(name)))
    assert found is None, found


def test_a_docstring_gives_its_first_paragraph_only() -> None:
    class Lamp(Bridge):
        """A lamp that
        is lit.

        Threads: none of the reader's business.
        """

        name = "lamp"
        title = "Lamp"

        @Light(effects=("glow",))
        def bulb(self, wanted: dict[str, object]) -> None:
            """Lights the bulb, in
            any colour.

            Runs on the worker thread.
            """

        @Siren(tones=("horn", "bell"))
        def hooter(self, wanted: dict[str, object]) -> None:
            """Makes a noise."""

        warmth = Sensor(about="How warm the bulb is.", unit="K")
        knocked = Event(about="Somebody has knocked.", types=("once", "twice"))

    text = page(Lamp)
    for part in (
        "\nA lamp that is lit.\n",
        "| Lights the bulb, in any colour. |",
        "| How warm the bulb is. |",
        "event_type: once, twice | Somebody has knocked. |",
        "effects: glow",
        "tones: horn, bell",
    ):
        assert part in text, part
    assert not INNER.search(text)


def test_effects_options_and_event_types_are_listed(run: Run) -> None:
    text = run("topics", "--markdown").stdout
    assert f"effects: {', '.join(EFFECTS)}" in text
    assert ", ".join(EXPRESSIONS) in text
    assert "`on_with_stream`: Detect and stream" in text
    assert "event_type: object_appeared, object_gone" in text
    rows = {(row["bridge"], row["entity"]): row for row in json.loads(run("topics", "--json").stdout)}
    assert rows["led", "ring"]["choices"] == {effect: effect for effect in EFFECTS}
    assert rows["vision", "mode"]["choices"]["on_no_stream"] == "Detect only"
    assert rows["display", "expression"]["choices"]["look_left"] == "Look left"
    assert rows["motion", "drive_duration"]["payload"] == "0.1 to 5 s in steps of 0.1"
    assert all(row["description"] for row in rows.values())
    table = " ".join(run("topics").stdout.replace("│", " ").split())
    for effect in ("theatre_chase", "wakeword_detected", "link_lost"):
        assert effect in table
