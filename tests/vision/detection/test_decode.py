"""Decoding: every layout against the row loops, nasty numbers included, and the choice of the layout by shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from bridges.vision.detection.decode import Candidates, Layout, LayoutError, decode, recognise, suppress
from tests.vision.detection import row_loops

pytestmark = pytest.mark.filterwarnings("error")
LAYOUTS = list(Layout)
NASTY = [float("nan"), float("inf"), float("-inf"), 1.005, 1.5, -0.5, 0.0, 1e30]


def compare(
    output: NDArray[np.float32], layout: Layout, wanted: NDArray[np.bool_], confidence: float, iou: float
) -> Candidates:
    """Decode in both ways; returns ours."""
    try:
        expected = row_loops.decode(layout.value, output.tolist(), wanted.tolist(), confidence, iou)
    except row_loops.TooCloseError:
        assume(False)
    found = decode(output, layout, wanted, confidence=confidence, iou=iou)
    assert found.table[:, 5].tolist() == [each.number for each in expected]
    assert found.table[:, 4].tolist() == [each.score for each in expected]
    assert [tuple(box) for box in found.table[:, :4].tolist()] == [each.box for each in expected]
    return found


def plausible(random: np.random.Generator, layout: Layout, labels: int, count: int) -> NDArray[np.float32]:
    """An output as a network gives it: most candidates weak, the strong ones in heaps."""
    centres = random.uniform(0, 320, (max(count // 6, 1), 2))
    xy = centres[random.integers(0, len(centres), count)] + random.normal(0, 6, (count, 2))
    sides = random.uniform(10, 80, (count, 2))
    weak = random.random((count, 1)) < 0.5
    scores = random.random((count, labels)) * np.where(weak, 0.2, 1.0)
    if layout is Layout.COLUMNS:
        return np.concatenate([xy, sides, scores], axis=1).T.astype(np.float32)
    if layout is Layout.ROWS:
        return np.concatenate([xy, sides, random.random((count, 1)), scores], axis=1).astype(np.float32)
    numbers = random.integers(0, labels, (count, 1))
    return np.concatenate([xy - sides, xy + sides, scores[:, :1], numbers], axis=1).astype(np.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    labels=st.integers(1, 6),
    count=st.integers(1, 400),
    confidence=st.floats(0.05, 0.9),
    iou=st.floats(0.1, 0.9),
    data=st.data(),
)
def test_plausible_outputs_are_read_as_the_row_loops_read_them(
    layout: Layout, seed: int, labels: int, count: int, confidence: float, iou: float, data: st.DataObject
) -> None:
    output = plausible(np.random.default_rng(seed), layout, labels, count)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=labels, max_size=labels)))
    compare(output, layout, wanted, confidence, iou)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(deadline=None, max_examples=150)
@given(data=st.data(), labels=st.integers(1, 3), count=st.integers(0, 12), confidence=st.floats(0.05, 0.9))
def test_whatever_a_damaged_network_gives_nothing_breaks(
    layout: Layout, data: st.DataObject, labels: int, count: int, confidence: float
) -> None:
    shape = {
        Layout.COLUMNS: (4 + labels, count),
        Layout.ROWS: (count, 5 + labels),
        Layout.END_TO_END: (count, 6),
    }[layout]
    numbers = st.one_of(
        st.sampled_from([np.float32(each) for each in NASTY]).map(float),
        st.floats(0, 1, width=32),
        st.floats(width=32),
        st.integers(0, 4).map(float),
    )
    output = data.draw(arrays.arrays(np.float32, shape, elements=numbers))
    compare(output, layout, np.ones(labels, np.bool_), confidence, 0.5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_strongest_300_are_looked_at_and_equal_scores_keep_their_order(layout: Layout) -> None:
    random = np.random.default_rng(5)
    output = plausible(random, layout, 4, 2500)
    scores = output[4:] if layout is Layout.COLUMNS else output[:, 4:5]
    scores[:] = np.round(scores * 8) / 8  # many of them alike
    found = compare(output, layout, np.ones(4, np.bool_), 0.1, 0.99)
    if layout is not Layout.ROWS:
        assert len(found.table) == 300


def test_a_tensor_of_the_published_size_is_read_as_the_row_loops_read_it() -> None:
    random = np.random.default_rng(1)
    output = np.concatenate([random.uniform(0, 640, (4, 8400)), random.random((80, 8400)) * 0.05]).astype(np.float32)
    strong = random.choice(8400, 50, replace=False)
    output[4 + random.integers(0, 80, 50), strong] = random.uniform(0.3, 0.95, 50)
    found = compare(output, Layout.COLUMNS, np.ones(80, np.bool_), 0.25, 0.45)
    assert 40 <= len(found.table) <= 50
    assert found.damaged == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_score_a_little_above_1_counts_as_1_and_comes_in_its_turn(layout: Layout) -> None:
    scores = np.array([0.9, 1.0, 1.005, 1.0, 1.01, 0.5, 1.02], np.float32)
    centres = 100.0 * np.arange(1, len(scores) + 1)
    boxes = np.column_stack([centres, np.full(7, 50.0), np.full(7, 20.0), np.full(7, 20.0)])
    if layout is Layout.END_TO_END:
        corners = np.column_stack([boxes[:, :2] - 10, boxes[:, :2] + 10])
        output = np.column_stack([corners, scores, np.zeros(7)])
    elif layout is Layout.ROWS:
        output = np.column_stack([boxes, np.ones(7), scores])
    else:
        output = np.column_stack([boxes, scores]).T
    found = compare(output.astype(np.float32), layout, np.ones(1, np.bool_), 0.25, 0.5)
    assert found.table[:, 4].tolist() == [1.0, 1.0, 1.0, 1.0, pytest.approx(0.9), 0.5]
    assert found.table[:, :2].mean(axis=1).tolist() == [115.0, 165.0, 215.0, 265.0, 65.0, 315.0]
    assert found.damaged == 1, "1.02 is no rounding"


def test_a_score_a_little_above_1_takes_nobodys_place_among_the_strongest() -> None:
    output = np.full((5, 400), 10.0, np.float32)
    output[0] = 100 * np.arange(400)
    output[4] = 1.0
    output[4, 300:] = 1.005
    found = compare(output, Layout.COLUMNS, np.ones(1, np.bool_), 0.25, 0.5)
    assert (found.table[:, 0] + 5).tolist() == output[0, :300].tolist()


class TestByHand:
    """Numbers small enough to check on paper."""

    def test_columns(self) -> None:
        output = np.array([[50, 52, 200], [60, 60, 60], [20, 20, 10], [40, 40, 10], [0.9, 0.8, 0.1], [0.1, 0.2, 0.6]])
        found = decode(output.astype(np.float32), Layout.COLUMNS, np.ones(2, np.bool_), confidence=0.25, iou=0.45)
        assert found.table[:, :4].tolist() == [
            [40, 40, 60, 80],
            [195, 55, 205, 65],
        ]  # the second of three is the first again
        assert found.table[:, 4].tolist() == pytest.approx([0.9, 0.6])
        assert found.table[:, 5].tolist() == [0, 1]

    def test_rows_multiply_the_objects_certainty_with_the_labels(self) -> None:
        output = np.array([[50, 60, 20, 40, 0.5, 0.1, 0.8], [90, 60, 20, 40, 0.9, 0.2, 0.1]], np.float32)
        found = decode(output, Layout.ROWS, np.ones(2, np.bool_), confidence=0.25, iou=0.45)
        assert found.table[:, :4].tolist() == [[40, 40, 60, 80]]
        assert found.table[:, 4].tolist() == pytest.approx([0.4])
        assert found.table[:, 5].tolist() == [1]

    def test_a_list_is_not_suppressed_once_more(self) -> None:
        output = np.array([[40, 40, 60, 80, 0.5, 1], [40, 40, 60, 80, 0.7, 1], [0, 0, 0, 0, 0, 0]], np.float32)
        found = decode(output, Layout.END_TO_END, np.ones(2, np.bool_), confidence=0.25, iou=0.45)
        assert found.table[:, 4].tolist() == pytest.approx([0.7, 0.5])

    def test_boxes_of_different_labels_do_not_take_each_other_away(self) -> None:
        table = np.array([[0, 0, 10, 10, 0.9, number] for number in (0, 1, 0)])
        assert suppress(table, 0.5) == [0, 1]

    def test_what_was_taken_away_takes_nothing_away(self) -> None:
        table = np.array([[x, 0, x + 10, 10, 0.9, 0] for x in (0, 4, 8)])
        assert suppress(table, 0.4) == [0, 2]

    def test_a_label_that_is_not_wanted_is_not_found_and_hides_nothing(self) -> None:
        output = np.array([[50, 50], [60, 60], [20, 20], [40, 40], [0.9, 0.3], [0.8, 0.7]], np.float32)
        found = decode(output, Layout.COLUMNS, np.array([False, True]), confidence=0.25, iou=0.45)
        assert found.table[:, 5].tolist() == [1]
        assert found.table[:, 4].tolist() == pytest.approx([0.7])

    def test_damaged_candidates_are_counted(self) -> None:
        nan, inf = float("nan"), float("inf")
        sound = [50, 60, 20, 40, 0.9]
        columns = [
            sound,
            [nan, *sound[1:]],
            [*sound[:4], nan],
            [*sound[:4], 7],
            [50, 60, -2, 40, 0.9],
            [inf, *sound[1:]],
        ]
        output = np.array(columns, np.float32).T
        found = decode(output, Layout.COLUMNS, np.ones(1, np.bool_), confidence=0.25, iou=0.45)
        assert (len(found.table), found.damaged) == (1, 5)


class TestLayouts:
    @pytest.mark.parametrize(
        ("shape", "labels", "layout"),
        [
            ((1, 84, 8400), 80, Layout.COLUMNS),
            ((1, 8, 1575), 4, Layout.COLUMNS),
            ((1, 84, 2100), 80, Layout.COLUMNS),
            ((1, 5, 8400), 1, Layout.COLUMNS),
            ((1, 6, 8400), 2, Layout.COLUMNS),
            ((1, 25200, 85), 80, Layout.ROWS),
            ((1, 6300, 9), 4, Layout.ROWS),
            ((1, 25200, 6), 1, Layout.ROWS),
            ((1, 300, 6), 80, Layout.END_TO_END),
            ((1, 100, 6), 1, Layout.END_TO_END),
            ((1, 300, 6), 1, Layout.END_TO_END),
            ((1, 0, 6), 80, Layout.END_TO_END),
        ],
    )
    def test_shape_and_number_of_labels_tell_the_layout(
        self, shape: tuple[int, ...], labels: int, layout: Layout
    ) -> None:
        assert recognise(shape, labels, 640, 640) is layout

    @pytest.mark.parametrize(
        ("shape", "labels"),
        [
            ((1, 84, 8400), 4),
            ((1, 8400, 84), 80),
            ((1, 116, 8400), 80),
            ((1, 8400, 6), 2),
            ((1, 1500, 6), 7),
            ((84, 8400), 80),
            ((2, 84, 8400), 80),
            ((1, 84, 80, 105), 80),
            ((100, 7), 80),
            ((), 80),
        ],
    )
    def test_what_fits_no_layout_is_refused(self, shape: tuple[int, ...], labels: int) -> None:
        with pytest.raises(LayoutError, match="its output") as caught:
            recognise(shape, labels, 640, 640)
        assert f"(1, {4 + labels}, n)" in str(caught.value)

    def test_what_fits_two_layouts_is_refused_unless_told(self) -> None:
        with pytest.raises(LayoutError, match="may be columns or end_to_end"):
            recognise((1, 84, 6), 80, 640, 640)
        assert recognise((1, 84, 6), 80, 640, 640, Layout.END_TO_END) is Layout.END_TO_END
        with pytest.raises(LayoutError, match="does not fit the layout 'rows'"):
            recognise((1, 84, 6), 80, 640, 640, Layout.ROWS)

    @pytest.mark.parametrize(("width", "height"), list(itertools.product([320, 640], [256, 640, 1280])))
    def test_one_label_and_six_numbers_are_told_apart_by_the_number_of_anchors(self, width: int, height: int) -> None:
        anchors = 3 * sum((width // stride) * (height // stride) for stride in (8, 16, 32))
        assert recognise((1, anchors, 6), 1, width, height) is Layout.ROWS
