"""YOLOX, D-FINE, RT-DETR and RF-DETR: against their own code (golden/make.py), against plain loops, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bridges.vision.detection.decode import Candidates, Layout, LayoutError
from bridges.vision.detection.detector import Detector
from bridges.vision.detection.families import PREPARATIONS, Family
from bridges.vision.detection.labels import read_labels
from bridges.vision.detection.letterbox import Letterbox
from bridges.vision.detection.model import Model, ModelError
from bridges.vision.detection.queries import COCO_GAPS, RawNames, label_numbers
from bridges.vision.detection.readings import FinishedQueryReading, GridReading, RawQueryReading, choose
from bridges.vision.detection.types import Detection
from bridges.vision.detection.yolox import Grid, grid_of
from tests.vision.detection import query_loops, row_loops
from tests.vision.detection.networks import Shape, build, fixed_answer, names_note, save

pytestmark = pytest.mark.filterwarnings("error")
GOLDEN = Path(__file__).parent / "golden"
COCO = read_labels(Path(__file__).parents[3] / "models/coco.txt")
CONFIDENCE, IOU = 0.3, 0.45
"""With which the golden results were made."""


def golden(name: str) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / f"{name}.npz") as stored:
        return {key: stored[key] for key in stored.files}


def same(found: Candidates, boxes: NDArray[Any], scores: NDArray[Any], numbers: NDArray[Any]) -> None:
    order = np.argsort(-scores, kind="stable")
    assert len(found.table) == len(scores) > 3
    np.testing.assert_allclose(found.table[:, 4], scores[order], rtol=1e-5)
    assert found.table[:, 5].tolist() == numbers[order].tolist()
    np.testing.assert_allclose(found.table[:, :4], boxes[order], rtol=1e-5, atol=1e-3)


class TestAgainstTheirOwnCode:
    @pytest.mark.parametrize("name", ["yolox_square", "yolox_wide"])
    def test_yolox(self, name: str) -> None:
        stored = golden(name)
        width, height = stored["size"].tolist()
        labels = [f"label {number}" for number in range(stored["output"].shape[2] - 5)]
        choice = choose({"output": stored["output"]}, labels, (width, height))
        assert choice.family is Family.YOLOX
        assert isinstance(choice.reading, GridReading)
        wanted = np.ones(len(labels), np.bool_)
        found = choice.reading.read([stored["output"][0]], wanted, confidence=CONFIDENCE, iou=IOU)
        same(found, stored["boxes"], stored["scores"], stored["numbers"])

    @pytest.mark.parametrize("name", ["yolox_square", "yolox_wide"])
    def test_yolox_with_its_arithmetic_inside_gives_the_same(self, name: str) -> None:
        stored = golden(name)
        labels = [f"label {number}" for number in range(stored["output"].shape[2] - 5)]
        choice = choose({"output": stored["decoded"][None]}, labels, tuple(stored["size"].tolist()))
        assert choice.family is Family.YOLOX
        wanted = np.ones(len(labels), np.bool_)
        found = choice.reading.read([stored["decoded"]], wanted, confidence=CONFIDENCE, iou=IOU)
        same(found, stored["boxes"], stored["scores"], stored["numbers"])

    @pytest.mark.parametrize("name", ["rt_detr", "rt_detr_three_classes"])
    def test_rt_detr_and_d_fine(self, name: str) -> None:
        stored = golden(name)
        labels = [f"label {number}" for number in range(stored["logits"].shape[2])]
        outputs = {"logits": stored["logits"], "pred_boxes": stored["pred_boxes"]}
        choice = choose(outputs, labels, tuple(stored["size"].tolist()))
        assert choice.family is Family.D_FINE
        inputs = [outputs[each][0] for each in choice.reading.names]
        found = choice.reading.read(inputs, np.ones(len(labels), np.bool_), confidence=CONFIDENCE, iou=IOU)
        # Theirs takes as many pairs as there are queries; those beyond are the weakest.
        most = len(stored["scores"])
        same(Candidates(found.table[:most], 0), stored["boxes"], stored["scores"], stored["numbers"])

    def test_rf_detr(self) -> None:
        stored = golden("rf_detr")
        outputs = {"dets": stored["dets"], "labels": stored["labels"]}
        choice = choose(outputs, COCO, (384, 384))
        assert choice.family is Family.RF_DETR
        inputs = [outputs[each][0] for each in choice.reading.names]
        found = choice.reading.read(inputs, np.ones(80, np.bool_), confidence=CONFIDENCE, iou=IOU)
        known = ~np.isin(stored["numbers"], COCO_GAPS)
        numbers = np.array([number - sum(gap < number for gap in COCO_GAPS) for number in stored["numbers"][known]])
        same(found, stored["boxes"][known], stored["scores"][known], numbers)

    @pytest.mark.parametrize(
        ("name", "family", "tolerance"),
        [
            ("yolox", Family.YOLOX, 1),
            ("yolox_smaller", Family.YOLOX, 1),
            ("d_fine", Family.D_FINE, 1.5 / 255),
            ("rf_detr", Family.RF_DETR, 1.5 / 255 / 0.22),
            ("rf_detr_smaller", Family.RF_DETR, 1.5 / 255 / 0.22),
        ],
    )
    def test_what_becomes_of_a_picture(self, name: str, family: Family, tolerance: float) -> None:
        stored = golden("pictures")
        expected = stored[name]
        box = Letterbox(expected.shape[3], expected.shape[2], preparation=PREPARATIONS[family])
        for _ in range(2):  # the second time in used memory
            blob = box.fill(stored["frame"])
            np.testing.assert_allclose(blob, expected, atol=tolerance)
            assert np.abs(blob - expected).mean() < tolerance / 2


class TestAgainstPlainLoops:
    @settings(deadline=None, max_examples=60)
    @given(
        seed=st.integers(0, 2**32 - 1),
        labels=st.integers(1, 6),
        size=st.tuples(st.sampled_from([32, 64, 96]), st.sampled_from([32, 96, 128])),
        confidence=st.floats(0.05, 0.9),
        iou=st.floats(0.1, 0.9),
        data=st.data(),
    )
    def test_yolox(
        self, seed: int, labels: int, size: tuple[int, int], confidence: float, iou: float, data: st.DataObject
    ) -> None:
        random = np.random.default_rng(seed)
        grid = Grid(*size, (8, 16, 32))
        output = np.concatenate(
            [random.normal(0.5, 1, (len(grid), 4)), random.random((len(grid), 1 + labels))], axis=1
        ).astype(np.float32)
        wanted = data.draw(st.lists(st.booleans(), min_size=labels, max_size=labels))
        compare_yolox(output, grid, size, wanted, confidence, iou)

    @settings(deadline=None, max_examples=100)
    @given(data=st.data(), labels=st.integers(1, 3), confidence=st.floats(0.05, 0.9))
    def test_yolox_with_damaged_numbers(self, data: st.DataObject, labels: int, confidence: float) -> None:
        grid = Grid(32, 32, (8, 16, 32))
        output = data.draw(arrays.arrays(np.float32, (len(grid), 5 + labels), elements=NASTY))
        compare_yolox(output, grid, (32, 32), [True] * labels, confidence, 0.5)

    @settings(deadline=None, max_examples=100)
    @given(
        seed=st.integers(0, 2**32 - 1),
        classes=st.integers(1, 8),
        count=st.integers(1, 300),
        confidence=st.floats(0.05, 0.9),
        data=st.data(),
    )
    def test_queries(self, seed: int, classes: int, count: int, confidence: float, data: st.DataObject) -> None:
        random = np.random.default_rng(seed)
        logits = random.normal(-2, 2, (count, classes)).astype(np.float32)
        boxes = random.uniform(0, 1, (count, 4)).astype(np.float32)
        numbers: list[int | None] = data.draw(st.permutations([*range(classes - 1), None]))
        wanted = data.draw(st.lists(st.booleans(), min_size=classes, max_size=classes))
        compare_queries(logits, boxes, numbers, wanted, confidence)

    @settings(deadline=None, max_examples=150)
    @given(data=st.data(), classes=st.integers(1, 3), count=st.integers(1, 8), confidence=st.floats(0.05, 0.9))
    def test_queries_with_damaged_numbers(
        self, data: st.DataObject, classes: int, count: int, confidence: float
    ) -> None:
        logits = data.draw(arrays.arrays(np.float32, (count, classes), elements=NASTY))
        boxes = data.draw(arrays.arrays(np.float32, (count, 4), elements=NASTY))
        compare_queries(logits, boxes, list(range(classes)), [True] * classes, confidence)

    @settings(deadline=None, max_examples=60)
    @given(data=st.data(), count=st.integers(1, 8), confidence=st.floats(0.05, 0.9))
    def test_finished_ones(self, data: st.DataObject, count: int, confidence: float) -> None:
        boxes = data.draw(arrays.arrays(np.float32, (count, 4), elements=NASTY))
        scores = data.draw(arrays.arrays(np.float32, (count,), elements=NASTY))
        labels = data.draw(arrays.arrays(np.float32, (count,), elements=st.integers(-2, 5).map(float)))
        reading = FinishedQueryReading(("labels", "boxes", "scores"), (1, 1))  # type: ignore[arg-type]
        found = reading.read([labels, boxes, scores], np.ones(3, np.bool_), confidence=confidence, iou=IOU)
        rows = [[*box, score, label] for box, score, label in zip(boxes, scores, labels, strict=True)]
        expected = row_loops.decode("end_to_end", np.array(rows, np.float32).tolist(), [True] * 3, confidence, IOU)
        assert found.table[:, 4:].tolist() == [[each.score, each.number] for each in expected]


NASTY = st.one_of(
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1.005, 1.5, -0.5, 0.0, float(np.float32(1e30)), 800.0]),
    st.floats(0, 1, width=32),
    st.floats(width=32),
).map(lambda number: float(np.float32(number)))


def agree(found: Candidates, expected: list[row_loops.Found]) -> None:
    """The same objects, the surest first; scores that differ by rounding alone may change places."""
    assert (np.diff(found.table[:, 4]) <= 0).all()
    ours = sorted((row[5], *row[:5]) for row in found.table.tolist())
    theirs = sorted((float(each.number), *each.box, each.score) for each in expected)
    np.testing.assert_allclose(np.reshape(ours, (-1, 6)), np.reshape(theirs, (-1, 6)), rtol=1e-9, atol=1e-6)


def compare_yolox(
    output: NDArray[np.float32],
    grid: Grid,
    size: tuple[int, int],
    wanted: list[bool],
    confidence: float,
    iou: float,
) -> None:
    try:
        expected = query_loops.yolox(output.tolist(), size, wanted, confidence, iou)
    except row_loops.TooCloseError:
        assume(False)
    found = GridReading("output", grid).read([output], np.array(wanted), confidence=confidence, iou=iou)
    agree(found, expected)


def compare_queries(
    logits: NDArray[np.float32],
    boxes: NDArray[np.float32],
    numbers: list[int | None],
    wanted: list[bool],
    confidence: float,
) -> None:
    expected = query_loops.queries(logits.tolist(), boxes.tolist(), numbers, (640, 480), wanted, confidence)
    assume(all(abs(each.score - confidence) > 1e-9 for each in expected))
    own = np.array([-1 if number is None else number for number in numbers])
    reading = RawQueryReading(RawNames("logits", "boxes"), own, (640, 480))
    found = reading.read([logits, boxes], np.array(wanted), confidence=confidence, iou=0.1)
    agree(found, expected)


class TestChoice:
    """By names and shapes."""

    @staticmethod
    def lists(first: str, columns: int, second: str, others: int, count: int = 20) -> dict[str, NDArray[Any]]:
        return {
            first: np.full((1, count, columns), 0.3, np.float32),
            second: np.full((1, count, others), 0.3, np.float32),
        }

    @pytest.mark.parametrize(
        ("outputs", "labels", "family", "names"),
        [
            (("dets", 4, "labels", 91), COCO, Family.RF_DETR, ("labels", "dets")),
            (("dets", 4, "labels", 4), ("a", "b", "c"), Family.RF_DETR, ("labels", "dets")),
            (("labels", 4, "dets", 4), ("a", "b", "c"), Family.RF_DETR, ("labels", "dets")),
            (("logits", 80, "pred_boxes", 4), COCO, Family.D_FINE, ("logits", "pred_boxes")),
            (("logits", 4, "pred_boxes", 4), ("a", "b", "c", "d"), Family.D_FINE, ("logits", "pred_boxes")),
            (("logits", 91, "pred_boxes", 4), COCO, Family.RF_DETR, ("logits", "pred_boxes")),
            (("x", 4, "y", 3), ("a", "b", "c"), Family.D_FINE, ("y", "x")),
            (("x", 3, "y", 4), ("a", "b", "c"), Family.D_FINE, ("x", "y")),
        ],
    )
    def test_raw_queries(
        self, outputs: tuple[Any, ...], labels: tuple[str, ...], family: Family, names: tuple[str, str]
    ) -> None:
        choice = choose(self.lists(*outputs), labels, (640, 640))
        assert (choice.family, choice.reading.names, choice.layout) == (family, names, None)

    def test_masks_beside_them_do_not_matter(self) -> None:
        outputs = {**self.lists("dets", 4, "labels", 91), "masks": np.zeros((1, 20, 28, 28), np.float32)}
        assert choose(outputs, COCO, (312, 312)).reading.names == ("labels", "dets")

    def test_two_that_are_alike_and_have_other_names_are_refused(self) -> None:
        with pytest.raises(LayoutError, match="'x' and 'y' are alike"):
            choose(self.lists("x", 4, "y", 4), ("a", "b", "c", "d"), (640, 640))

    def test_labels_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(LayoutError, match="91 classes apart, which does not fit 4 labels"):
            choose(self.lists("dets", 4, "labels", 91), ("a", "b", "c", "d"), (640, 640))

    def test_boxes_in_pixels_are_refused(self) -> None:
        outputs = self.lists("logits", 3, "pred_boxes", 4)
        outputs["pred_boxes"] *= 1000
        with pytest.raises(LayoutError, match="no fractions"):
            choose(outputs, ("a", "b", "c"), (640, 640))

    @pytest.mark.parametrize("kind", [np.int64, np.int32, np.float32])
    @pytest.mark.parametrize("names", [("labels", "boxes", "scores"), ("a", "b", "c")])
    def test_finished_ones(self, kind: type[Any], names: tuple[str, str, str]) -> None:
        outputs = {
            names[0]: np.zeros((1, 300), kind),
            names[1]: np.zeros((1, 300, 4), np.float32),
            names[2]: np.zeros((1, 300), np.float32),
        }
        if kind is np.float32 and names[0] == "a":
            with pytest.raises(LayoutError, match="which are the scores"):
                choose(outputs, COCO, (640, 640))
        else:
            choice = choose(outputs, COCO, (640, 640), told_size=True)
            assert (choice.family, choice.reading.names) == (Family.D_FINE, names)

    def test_the_family_may_be_told(self) -> None:
        outputs = self.lists("logits", 80, "pred_boxes", 4)
        assert choose(outputs, COCO, (640, 640), family=Family.RF_DETR).family is Family.RF_DETR
        with pytest.raises(LayoutError, match="not those of the family 'd_fine'"):
            choose({"output0": np.zeros((1, 84, 8400), np.float32)}, COCO, (640, 640), family=Family.D_FINE)
        cells = np.random.default_rng(1).random((1, 8400, 85)).astype(np.float32)
        assert choose({"output": cells}, COCO, (640, 640)).family is Family.YOLOX
        told = choose({"output": cells}, COCO, (640, 640), family=Family.YOLO)
        assert (told.family, told.layout) == (Family.YOLO, Layout.ROWS)

    def test_a_list_of_all_cells_that_is_always_sure_of_an_object_is_fed_as_yolo(self) -> None:
        grid = Grid(64, 64, (8, 16, 32))
        output = np.full((1, len(grid), 7), 0.1, np.float32)
        output[0, :, :2] = (grid.corners + 0.5) * grid.strides[:, None]
        output[0, :, 4] = 1
        choice = choose({"outputs": output}, ("a", "b"), (64, 64))
        assert (choice.family, choice.layout) == (Family.YOLO, Layout.ROWS)
        assert not isinstance(choice.reading, GridReading)

    def test_three_candidates_in_each_cell_are_yolov5_as_before(self) -> None:
        output = np.full((1, 252, 9), 0.1, np.float32)
        choice = choose({"output": output}, ("a", "b", "c", "d"), (64, 64))
        assert (choice.family, choice.layout) == (Family.YOLO, Layout.ROWS)

    def test_grids_are_told_by_their_number_of_cells(self) -> None:
        assert len(grid_of(3549, 416, 416) or ()) == 3549
        assert len(grid_of(8400, 640, 640) or ()) == 8400
        assert len(grid_of(34_000, 1280, 1280) or ()) == 34_000, "with cells of 64 pixels"
        assert grid_of(25_200, 640, 640) is None
        assert grid_of(0, 4, 4) is None


class TestLabelNumbers:
    def test_coco_has_gaps(self) -> None:
        numbers = label_numbers(91, COCO)
        named = {COCO[number]: place for place, number in enumerate(numbers.tolist()) if number >= 0}
        assert len(named) == 80
        assert [named[name] for name in ("person", "stop sign", "cat", "backpack", "dining table", "tv")] == [
            1,
            13,
            17,
            27,
            67,
            72,
        ]
        assert named["toothbrush"] == 90

    def test_one_class_more_is_for_nothing(self) -> None:
        assert label_numbers(4, ("a", "b", "c")).tolist() == [0, 1, 2, -1]
        assert label_numbers(3, ("a", "b", "c")).tolist() == [0, 1, 2]


# -- through a real network --------------------------------------------------------------------------------------------


def told_the_size(boxes: NDArray[Any], kind: int = TensorProto.INT64, side: int = 64) -> Any:
    """A network as D-FINE exports it: boxes are multiplied by what the second input says."""
    count = boxes.shape[1]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["size", "size"], ["scale"], axis=1),
        helper.make_node("Mul", ["fractions", "scale"], ["pixels"]),
        helper.make_node("Add", ["pixels", "zero"], ["boxes"]),
        helper.make_node("Add", ["fixed_scores", "zero"], ["scores"]),
        helper.make_node("Identity", ["fixed_labels"], ["labels"]),
    ]
    picture: Shape = ("N", 3, side, side)
    return build(
        nodes,
        {"images": (TensorProto.FLOAT, picture), "orig_target_sizes": (kind, ("N", 2))},
        {
            "labels": (TensorProto.INT64, (1, count)),
            "boxes": (TensorProto.FLOAT, ("N", count, 4)),
            "scores": (TensorProto.FLOAT, ("N", count)),
        },
        {
            "nothing": np.zeros((), np.float32),
            "fractions": boxes.astype(np.float32),
            "fixed_scores": np.array([[0.9, 0.6, 0.1]], np.float32),
            "fixed_labels": np.array([[1, 0, 0]], np.int64),
        },
        names_note(["ball", "person"]),
    )


FRAME = np.zeros((60, 128, 3), np.uint8)
BOXES = np.array([[[0.1, 0.2, 0.3, 0.6], [0.5, 0.5, 0.75, 1.0], [0, 0, 1, 1]]])


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT])
def test_a_network_that_is_told_the_size_of_the_picture(tmp_path: Path, kind: int) -> None:
    model = Model(save(told_the_size(BOXES, kind), tmp_path / "net.onnx"))
    assert (model.family, model.width, model.height) == (Family.D_FINE, 64, 64)
    assert Detector(model).detect(FRAME) == [
        Detection("person", pytest.approx(0.9), pytest.approx((0.1, 0.2, 0.3, 0.6))),
        Detection("ball", pytest.approx(0.6), pytest.approx((0.5, 0.5, 0.75, 1.0))),
    ]
    assert [each.label for each in Detector(model, only=["ball"]).detect(FRAME)] == ["ball"]


def answers(logits: list[list[float]], boxes: list[list[float]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.array([logits], np.float32), np.array([boxes], np.float32)


def renamed(model: Any, *names: str) -> Any:
    """The same network, its outputs with other names."""
    for number, name in enumerate(names):
        for node in model.graph.node:
            node.output[:] = [name if each == f"output{number}" else each for each in node.output]
        model.graph.output[number].name = name
    return model


def test_queries_through_a_network_are_not_suppressed_and_stretched_to_the_frame(tmp_path: Path) -> None:
    logits, boxes = answers(
        [[2, -5], [-5, 1], [2.5, -5]], [[0.5, 0.5, 0.2, 0.4], [0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.2, 0.4]]
    )
    network = renamed(fixed_answer(boxes, logits, notes=names_note(["ball", "person"])), "pred_boxes", "logits")
    model = Model(save(network, tmp_path / "net.onnx"))
    found = Detector(model).detect(FRAME)
    assert [each.label for each in found] == ["ball", "ball", "person"]
    assert found[0].box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-2.5)))
    assert found[2].box == pytest.approx((0.1, 0.1, 0.3, 0.3))


def test_yolox_through_a_network(tmp_path: Path) -> None:
    """One object in the second cell of the second row of the finest grid, in a frame twice as wide as high."""
    output = np.zeros((1, 84, 7), np.float32)
    output[0, 9] = [0.5, 0.5, np.log(2), 0, 0.9, 0.1, 0.8]
    model = Model(save(fixed_answer(output, notes=names_note(["ball", "person"])), tmp_path / "net.onnx"))
    assert model.family is Family.YOLOX
    (found,) = Detector(model).detect(np.zeros((64, 128, 3), np.uint8))
    assert (found.label, found.score) == ("person", pytest.approx(0.72))
    assert found.box == pytest.approx((4 / 64, 8 / 32, 20 / 64, 16 / 32)), "the picture is in the upper left corner"


@pytest.mark.parametrize(("family", "free"), [("yolo", (96, 64)), ("d_fine", (640, 640))])
def test_a_free_input_of_a_network_with_queries_is_a_square(tmp_path: Path, family: str, free: tuple[int, int]) -> None:
    logits, boxes = answers([[2, -5]], [[0.5, 0.5, 0.2, 0.4]])
    shape: Shape = ("batch", 3, "height", "width")
    network = fixed_answer(boxes, logits, input_shape=shape, notes=names_note(["ball", "person"]))
    if family == "yolo":
        network = fixed_answer(np.full((1, 6, 84), 0.1, np.float32), input_shape=shape, notes=names_note(["a", "b"]))
    else:
        network = renamed(network, "pred_boxes", "logits")
    model = Model(save(network, tmp_path / "net.onnx"), free_size=(96, 64))
    assert (model.width, model.height) == free


def test_half_precision(tmp_path: Path) -> None:
    logits, boxes = answers([[2, -5]], [[0.5, 0.5, 0.2, 0.4]])
    network = fixed_answer(
        boxes.astype(np.float16),
        logits.astype(np.float16),
        kind=TensorProto.FLOAT16,
        notes=names_note(["ball", "person"]),
    )
    model = Model(save(renamed(network, "dets", "labels"), tmp_path / "net.onnx"))
    assert (model.family, model.dtype) == (Family.RF_DETR, np.float16)
    assert Detector(model).detect(FRAME)[0].box == pytest.approx((0.4, 0.3, 0.6, 0.7), abs=1e-3)


def test_a_family_that_does_not_fit_is_refused_in_words(tmp_path: Path) -> None:
    path = save(fixed_answer(np.full((1, 6, 84), 0.1, np.float32), notes=names_note(["a", "b"])), tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=r"'output0' \(1, 6, 84\) are not those of the family 'rf_detr'"):
        Model(path, family=Family.RF_DETR)
