"""Labels inside a model, as exporters write them and as somebody hostile would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from bridges.vision.detection.families import Family
from bridges.vision.detection.labels import (
    LONGEST_LABEL,
    MOST_LABELS,
    LabelError,
    checked,
    read_labels,
    read_names,
    wanted_labels,
)
from bridges.vision.detection.model import Model, ModelError
from tests.vision.detection.networks import build, fixed_answer, save

NAMES = ("person", "driver's mate", 'a "quoted" thing', "naïve café", "传送带")
WRITTEN = {
    "python dict": repr(dict(enumerate(NAMES))),
    "python dict, text keys": repr({str(number): name for number, name in enumerate(NAMES)}),
    "python list": repr(list(NAMES)),
    "python tuple": repr(NAMES),
    "json object": json.dumps(dict(enumerate(NAMES))),
    "json object, not escaped": json.dumps(dict(enumerate(NAMES)), ensure_ascii=False),
    "json object, indented": json.dumps(dict(enumerate(NAMES)), indent=2),
    "json list": json.dumps(NAMES),
    "another order": repr(dict(reversed(list(enumerate(NAMES))))),
    "a comma at the end": "{" + "".join(f"{number}: {name!r}, " for number, name in enumerate(NAMES)) + "}",
    "blanks": f"  \n{dict(enumerate(NAMES))!r}\n ",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_each_way_to_write_them_is_read(how: str, tmp_path: Path) -> None:
    assert read_names(WRITTEN[how], "x") == NAMES
    network = fixed_answer(np.full((1, 9, 84), 0.1, np.float32), notes={"names": WRITTEN[how]})
    assert Model(save(network, tmp_path / "net.onnx")).labels == NAMES


@pytest.mark.parametrize("key", ["names", "class_names", "classes", "labels", "id2label"])
def test_each_usual_key_of_the_notes_is_looked_at(key: str, tmp_path: Path) -> None:
    network = fixed_answer(np.full((1, 6, 84), 0.1, np.float32), notes={key: '{"0": "ball", "1": "cone"}'})
    assert Model(save(network, tmp_path / "net.onnx")).labels == ("ball", "cone")


def test_numbers_that_are_left_out_stand_for_nothing() -> None:
    assert read_names('{"1": "person", "3": "car"}', "x") == ("N/A", "person", "N/A", "car")
    assert wanted_labels(("N/A", "person", "n/a", "car"), ()).tolist() == [False, True, False, True]


HOSTILE = {
    "empty": "",
    "blank": " ",
    "no value": "null",
    "number": "3",
    "text": '"person"',
    "no end": "{0: 'a'",
    "no begin": "0: 'a'}",
    "mixed brackets": "[0: 'a'}",
    "call": "__import__('os').system('true')",
    "call inside": "{0: open('x')}",
    "number as label": "{0: 1}",
    "list as label": '[["a"], ["b"]]',
    "object as label": '{"0": {"name": "a"}}',
    "a value is missing": "{0: , 1: 'b'}",
    "two commas": "['a',, 'b']",
    "no comma": "['a' 'b']",
    "set": "{'a', 'b'}",
    "twice": "{0: 'a', '0': 'b'}",
    "negative": "{-1: 'a', 0: 'b'}",
    "fraction": "{0.5: 'a'}",
    "true": "{True: 'a', 0: 'b'}",
    "far": "{0: 'a', 999999: 'b'}",
    "very far": '{"0": "a", "' + "9" * 5000 + '": "b"}',
    "very far, python": "{" + "9" * 5000 + ": 'b'}",
    "other digits": '{"٠": "a"}',
    "leading zeros": "{00001: 'a', 0: 'b'}",
    "a bad escape": "{0: '\\x'}",
    "a half character": '{"0": "\\ud800"}',
    "a half character, python": "{0: '\\ud800'}",
    "bell": json.dumps({"0": "a\x07"}),
    "escape": repr({0: "\x1b[2J"}),
    "line": json.dumps(["a\nb"]),
    "turned around": json.dumps(["a\u202eb"]),
    "nothing as label": json.dumps(["", "b"]),
    "blank as label": json.dumps(["  ", "b"]),
    "long label": json.dumps(["a" * (LONGEST_LABEL + 1)]),
    "the same twice": "['a', 'a']",
    "deep brackets": "[" * 400_000,
    "deep and closed": "[" * 200_000 + "]" * 200_000,
    "deep braces": '{"a":' * 100_000,
    "deep parentheses": "(" * 400_000 + ")" * 400_000,
    "minus": "-" * 900_000 + "1",
    "sum": "+".join(["1"] * 400_000),
    "not": "not " * 200_000 + "1",
    "dots": "a" + ".a" * 400_000,
    "long": json.dumps(["a" * 50] * 30_000),
    "many": json.dumps([f"label {number}" for number in range(MOST_LABELS + 1)]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_or_damaged_is_refused_in_one_sentence(what: str) -> None:
    with pytest.raises(LabelError) as caught:
        read_names(HOSTILE[what], "net.onnx")
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_depth_does_not_end_the_process_even_with_a_small_stack() -> None:
    """On a thread with 256 kB, in a process of its own: Python's parser would take it down."""
    code = """
import threading
from bridges.vision.detection.labels import LabelError, read_names
from tests.vision.detection.test_labels import HOSTILE
def run():
    for text in HOSTILE.values():
        try:
            read_names(text, "x")
        except LabelError:
            pass
    print("alive", flush=True)
threading.stack_size(256 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr[-500:]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=8, unique=True))
def test_whatever_can_be_a_label_is_read_back(names: list[str]) -> None:
    stripped = [name.strip() for name in names]
    try:
        expected = checked(stripped, "x")
    except LabelError:
        return
    for written in (repr(names), repr(dict(enumerate(names))), json.dumps(names), json.dumps(dict(enumerate(names)))):
        assert read_names(written, "x") == expected


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="[](){},:'\"\\ 01-ab\n\x07", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        labels = read_names(text, "x")
    except LabelError:
        return
    assert labels
    assert all(label.isprintable() and label for label in labels)


def test_a_label_file_may_have_gaps_too(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("N/A\nperson\nN/A\ncar\n")
    assert read_labels(path) == ("N/A", "person", "N/A", "car")


def test_what_else_stands_in_a_model_is_told_short_and_without_control_characters(tmp_path: Path) -> None:
    hostile = "\x1b[2J" + "x" * 100_000
    shape = (1, 3, 64, 64)
    nodes = [helper.make_node("Identity", ["images"], [hostile])]
    models = [
        fixed_answer(np.full((1, 6, 84), 0.1, np.float32), notes={"task": hostile, "names": "['a', 'b']"}),
        build(nodes, {"images": (TensorProto.FLOAT, shape)}, {hostile: (TensorProto.FLOAT, shape)}, {}),
        build(nodes, {"images": (TensorProto.FLOAT, (1, 5, hostile, 64))}, {hostile: (TensorProto.FLOAT, shape)}, {}),
    ]
    for model in models:
        with pytest.raises(ModelError) as caught:
            Model(save(model, tmp_path / "net.onnx"), labels=["a", "b"], family=Family.D_FINE)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 700
