"""Models: what fits is taken, what does not is refused in one sentence that names the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bridges.vision.detection.decode import Layout
from bridges.vision.detection.labels import LabelError, read_labels, read_names, wanted_labels
from bridges.vision.detection.model import Model, ModelError
from tests.vision.detection.networks import (
    any_size,
    build,
    fixed_answer,
    names_note,
    save,
    sees_red,
)

FOUR = ("ball", "cone", "person", "box")


def answer(*shape: int, kind: type = np.float32) -> NDArray[Any]:
    return np.full(shape, 0.01, kind)


def refused(path: Path, **options: Any) -> str:
    """The one sentence with which a model is refused."""
    with pytest.raises(ModelError) as caught:
        Model(path, **options)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < 500
    return sentence


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


class TestFits:
    @pytest.mark.parametrize(
        ("shape", "layout"),
        [((1, 8, 84), Layout.COLUMNS), ((1, 252, 9), Layout.ROWS), ((1, 300, 6), Layout.END_TO_END)],
    )
    def test_each_layout(self, file: Path, shape: tuple[int, ...], layout: Layout) -> None:
        save(fixed_answer(answer(*shape), notes=names_note(FOUR)), file)
        model = Model(file)
        assert (model.layout, model.labels) == (layout, FOUR)
        assert (model.width, model.height) == (64, 64)
        output = model.run(np.zeros((1, 3, 64, 64), np.float32))
        assert (output.shape, output.dtype) == (shape[1:], np.float32)

    def test_an_input_that_is_no_square(self, file: Path) -> None:
        model = Model(save(sees_red(320, 256), file))
        assert (model.width, model.height) == (320, 256)

    def test_half_precision(self, file: Path) -> None:
        half = fixed_answer(answer(1, 8, 84, kind=np.float16), kind=TensorProto.FLOAT16, notes=names_note(FOUR))
        model = Model(save(half, file))
        assert model.dtype == np.float16
        assert model.run(np.zeros((1, 3, 64, 64), np.float16)).dtype == np.float32

    def test_a_free_input_is_640_square_or_what_is_asked_for(self, file: Path) -> None:
        save(any_size(), file)
        model = Model(file)
        assert (model.width, model.height) == (640, 640)
        model = Model(file, free_size=(640, 480))
        assert (model.width, model.height) == (640, 480)
        model = Model(file, size=(320, 256))
        assert (model.width, model.height) == (320, 256)
        assert model.run(np.zeros((1, 3, 256, 320), np.float32)).shape == (6, 80)

    def test_of_several_outputs_the_one_that_fits_is_taken(self, file: Path) -> None:
        heads = [answer(1, 3, size, size, 9) for size in (8, 4, 2)]
        save(fixed_answer(answer(1, 252, 9) * 2, *heads, notes=names_note(FOUR)), file)
        model = Model(file)
        assert model.layout is Layout.ROWS
        assert model.run(np.zeros((1, 3, 64, 64), np.float32))[0, 0] == pytest.approx(0.02)

    def test_given_labels_count_more_than_those_in_the_file(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 84), notes=names_note(("x", "y"))), file)
        assert Model(file, labels=FOUR).labels == FOUR

    def test_labels_may_stand_in_a_file(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 84)), file)
        labels = file.with_suffix(".txt")
        labels.write_text("\n".join(FOUR))
        assert Model(file, labels=labels).labels == FOUR
        labels.write_text("ball\nball\n")
        with pytest.raises(ModelError, match=r"net\.txt: the label 'ball' stands there twice"):
            Model(file, labels=labels)

    def test_without_notes_given_labels_do(self, file: Path) -> None:
        assert Model(save(fixed_answer(answer(1, 8, 84)), file), labels=FOUR).layout is Layout.COLUMNS

    def test_the_layout_can_be_told(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 6), notes=names_note(FOUR)), file)
        assert "may be columns or end_to_end" in refused(file)
        assert Model(file, layout=Layout.COLUMNS).layout is Layout.COLUMNS

    def test_more_threads_give_the_same(self, file: Path) -> None:
        save(sees_red(64, 64), file)
        blob = np.random.default_rng(1).random((1, 3, 64, 64)).astype(np.float32)
        np.testing.assert_array_equal(Model(file).run(blob), Model(file, threads=2).run(blob))


class TestRefused:
    def test_without_onnxruntime(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save(sees_red(64, 64), file)
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        assert "onnxruntime is missing" in refused(file)

    def test_onnxruntime_is_loaded_by_the_first_model_only(self) -> None:
        code = "import sys, bridges.vision.detection.detector; sys.exit('onnxruntime' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert "there is no such model" in refused(tmp_path / "nothing.onnx")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be read" in refused(tmp_path)

    def test_an_empty_file(self, file: Path) -> None:
        file.touch()
        assert "empty" in refused(file)

    @pytest.mark.parametrize(
        "content",
        [
            b"\0",
            b"\x89PNG\r\n\x1a\n",
            b"<!DOCTYPE html><html>Not found</html>",
            b"PK\x03\x04" + bytes(200),
            bytes(5000),
        ],
        ids=["zero", "picture", "page", "archive", "zeros"],
    )
    def test_a_file_of_another_kind(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        assert "not a sound ONNX model" in refused(file)

    def test_weights_that_are_missing_beside_it(self, file: Path) -> None:
        model = sees_red(64, 64)
        onnx.save(model, file, save_as_external_data=True, location="weights.bin", size_threshold=500)
        Model(file)
        (file.parent / "weights.bin").unlink()
        sentence = refused(file)
        assert "not a sound ONNX model" in sentence
        assert "weights.bin" in sentence

    @pytest.mark.parametrize(
        ("input_shape", "reason"),
        [
            ((1, 64, 64, 3), r"takes \(1, 64, 64, 3\), not one picture"),
            ((4, 3, 64, 64), "not one picture"),
            ((1, 1, 64, 64), "not one picture"),
            ((3, 64, 64), "not one picture"),
            ((1, 3, 64), "not one picture"),
            ((1, 3, 16, 64), "out of range"),
            ((1, 3, 64, 100_000), "out of range"),
        ],
    )
    def test_an_input_that_is_no_picture(self, file: Path, input_shape: tuple[int, ...], reason: str) -> None:
        save(fixed_answer(answer(1, 8, 84), input_shape=input_shape, notes=names_note(FOUR)), file)
        with pytest.raises(ModelError, match=reason):
            Model(file)

    def test_an_input_of_whole_numbers(self, file: Path) -> None:
        nodes = [helper.make_node("Cast", ["images"], ["output0"], to=TensorProto.FLOAT)]
        shape = (1, 3, 64, 64)
        save(build(nodes, {"images": (TensorProto.UINT8, shape)}, {"output0": (TensorProto.FLOAT, shape)}, {}), file)
        assert "takes tensor(uint8)" in refused(file, labels=FOUR)

    def test_two_inputs(self, file: Path) -> None:
        shape = (1, 3, 64, 64)
        nodes = [helper.make_node("Add", ["a", "b"], ["output0"])]
        inputs = {"a": (TensorProto.FLOAT, shape), "b": (TensorProto.FLOAT, shape)}
        save(build(nodes, inputs, {"output0": (TensorProto.FLOAT, shape)}, {}), file)
        assert "takes 2 inputs" in refused(file, labels=FOUR)

    def test_a_size_that_it_does_not_take(self, file: Path) -> None:
        save(sees_red(64, 64), file)
        assert "takes pictures of 64x64 only, not 320x256" in refused(file, size=(320, 256))
        assert "out of range" in refused(save(any_size(), file), size=(640, 5000))

    def test_a_size_on_which_it_fails(self, file: Path) -> None:
        nodes = [
            helper.make_node("AveragePool", ["images"], ["cells"], kernel_shape=[32, 32], strides=[32, 32]),
            helper.make_node("Reshape", ["cells", "flat"], ["output0"]),
        ]
        inputs = {"images": (TensorProto.FLOAT, ("batch", 3, "height", "width"))}
        flat = {"flat": np.array([1, 6, 50], np.int64)}
        save(build(nodes, inputs, {"output0": (TensorProto.FLOAT, (1, 6, 50))}, flat), file)
        assert "fails on a picture of 640x320" in refused(file, labels=("a", "b"), size=(640, 320))

    @pytest.mark.parametrize("labels", [("one",), (*FOUR, "five")])
    def test_another_number_of_labels(self, file: Path, labels: tuple[str, ...]) -> None:
        save(fixed_answer(answer(1, 8, 84), notes=names_note(FOUR)), file)
        assert f"does not fit {len(labels)} labels" in refused(file, labels=labels)

    def test_no_labels_at_all(self, file: Path) -> None:
        assert "name a label file" in refused(save(fixed_answer(answer(1, 8, 84)), file))

    @pytest.mark.parametrize(
        "names", ["", "{", "open('x')", "{1: 'a'}", "{0: 1}", "3", "{}", "[]", "(" * 5000, "{0: ''}"]
    )
    def test_labels_that_cannot_be_read(self, file: Path, names: str) -> None:
        assert "label" in refused(save(fixed_answer(answer(1, 8, 84), notes={"names": names}), file))

    def test_a_model_for_something_else(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 84), notes={**names_note(FOUR), "task": "segment"}), file)
        assert "made for 'segment'" in refused(file)

    def test_two_outputs_that_fit(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 84), answer(1, 8, 84), notes=names_note(FOUR)), file)
        assert "2 of its outputs fit" in refused(file)

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    def test_outputs_that_are_no_numbers(self, file: Path, number: float) -> None:
        broken = answer(1, 8, 84)
        broken[0, 3, 7] = number
        assert "not finite" in refused(save(fixed_answer(broken, notes=names_note(FOUR)), file))

    def test_outputs_of_whole_numbers(self, file: Path) -> None:
        save(fixed_answer(answer(1, 8, 84, kind=np.int32), notes=names_note(FOUR)), file)
        assert "gives int32" in refused(file)

    def test_an_output_that_is_no_array(self, file: Path) -> None:
        nodes = [helper.make_node("SequenceConstruct", ["images", "images"], ["output0"])]
        model = build(nodes, {"images": (TensorProto.FLOAT, (1, 3, 64, 64))}, {}, {})
        model.graph.output.append(
            helper.make_value_info(
                "output0", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
            )
        )
        assert "is not one of a detector" in refused(save(model, file), labels=FOUR)


class TestDamaged:
    """Files that were cut off or changed: refused, or by luck still a model; never anything else."""

    def test_cut_off_at_any_place(self, file: Path) -> None:
        whole = sees_red(64, 64).SerializeToString()
        for length in range(1, len(whole), 7):
            file.write_bytes(whole[:length])
            assert self.refusal(file)

    def test_some_bytes_changed(self, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
        whole = sees_red(64, 64).SerializeToString()
        random = np.random.default_rng(3)
        refusals = 0
        for _ in range(300):
            changed = bytearray(whole)
            for place in random.integers(0, len(whole), random.integers(1, 6)).tolist():
                changed[place] = int(random.integers(0, 256))
            file.write_bytes(changed)
            refusals += bool(self.refusal(file))
        assert refusals > 50
        assert capfd.readouterr().err == "", "onnxruntime has its say in the error, not in the log"

    def test_any_bytes(self, file: Path) -> None:
        random = np.random.default_rng(4)
        for length in (1, 2, 5, 20, 100, 1000, 20_000):
            for _ in range(10):
                file.write_bytes(random.bytes(length))
                assert self.refusal(file)

    @staticmethod
    def refusal(path: Path) -> str:
        """The sentence with which a file is refused; empty where it is a model."""
        sentence = ""
        try:
            Model(path)
        except ModelError as error:
            sentence = str(error)
        assert not sentence or (sentence.startswith(f"{path}: ") and "\n" not in sentence)
        return sentence


class TestLabels:
    def test_a_file_has_one_in_each_line(self, tmp_path: Path) -> None:
        path = tmp_path / "labels.txt"
        path.write_bytes(b"\xef\xbb\xbfball\r\ntraffic light\r\n\r\n")
        assert read_labels(path) == ("ball", "traffic light")

    def test_the_shipped_ones_of_coco_are_80(self) -> None:
        labels = read_labels(Path(__file__).parents[3] / "models/coco.txt")
        assert (len(labels), labels[0], labels[79]) == (80, "person", "toothbrush")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "holds no labels"),
            (b"\n\n", "holds no labels"),
            (b"ball\n\ncone\n", "label 2"),
            (b"ball\ncone\nball\n", "'ball' stands there twice"),
            (b"ball\ncone\x07\n", "label 2"),
            (b"\xff\xfe\x00", "not UTF-8"),
            (b"x" * 200, "label 1"),
            (b"x\n" * 600_000, "too long"),
        ],
    )
    def test_a_file_that_is_no_list_of_labels(self, tmp_path: Path, content: bytes, reason: str) -> None:
        path = tmp_path / "labels.txt"
        path.write_bytes(content)
        with pytest.raises(LabelError, match=reason) as caught:
            read_labels(path)
        assert str(path) in str(caught.value)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(LabelError, match="cannot be read: No such file"):
            read_labels(tmp_path / "nothing.txt")

    def test_those_inside_a_model_may_be_a_dict_or_a_list(self) -> None:
        assert read_names("{1: 'b', 0: 'a'}", "x") == ("a", "b")
        assert read_names("['a', 'b']", "x") == ("a", "b")

    def test_a_wanted_one_that_does_not_exist_gets_a_hint(self) -> None:
        assert wanted_labels(FOUR, ("cone",)).tolist() == [False, True, False, False]
        assert wanted_labels(FOUR, ()).all()
        with pytest.raises(LabelError, match=r"'persn' is not a label of this model .did you mean 'person'"):
            wanted_labels(FOUR, ("persn",))
