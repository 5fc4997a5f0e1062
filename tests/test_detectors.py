"""Claims about the simplest detectors: what their means count, and what that makes of short texts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.patterns import even_pattern, score_heads
from utils.heads import HeadId
from utils.toy.detectors import CURRENT, FIRST, PREVIOUS, detect, raw_detector_scores


def stacked(*heads: np.ndarray) -> np.ndarray:
    """One layer of heads."""
    return np.stack(heads)[None]


def one_step_back(n: int) -> np.ndarray:
    """A head whose every row but the first is on the token before."""
    pattern = np.eye(n, k=-1)
    pattern[0, 0] = 1
    return pattern


class TestScores:
    def test_the_worked_example_of_a_head_that_looks_at_the_first_token(self):
        pattern = np.zeros((3, 3))
        pattern[:, 0] = 1
        scores = raw_detector_scores(stacked(pattern))
        assert scores[FIRST] == pytest.approx(np.array([[1.0]]))
        assert scores[CURRENT] == pytest.approx(np.array([[1 / 3]]))
        assert scores[PREVIOUS] == pytest.approx(np.array([[1 / 2]]))

    def test_previous_is_the_cell_left_of_the_diagonal_and_not_the_one_right_of_it(self):
        back = one_step_back(5)
        assert raw_detector_scores(stacked(back))[PREVIOUS][0, 0] == 1
        assert raw_detector_scores(stacked(back.T))[PREVIOUS][0, 0] == 0

    def test_every_row_counts_row_0_too(self):
        scores = raw_detector_scores(stacked(one_step_back(5)))
        assert scores[CURRENT][0, 0] == pytest.approx(1 / 5)  # row 0 can look at nothing but itself
        assert scores[FIRST][0, 0] == pytest.approx(2 / 5)  # rows 0 and 1

    def test_scores_stand_by_layer_and_head(self):
        n = 6
        patterns = np.stack([stacked(even_pattern(n), one_step_back(n))[0], stacked(np.eye(n), even_pattern(n))[0]])
        scores = raw_detector_scores(patterns)
        assert scores[PREVIOUS].shape == (2, 2)
        assert np.unravel_index(scores[PREVIOUS].argmax(), (2, 2)) == (0, 1)
        assert np.unravel_index(scores[CURRENT].argmax(), (2, 2)) == (1, 0)

    def test_a_short_text_makes_an_even_head_a_first_token_head(self):
        over = {n: detect(raw_detector_scores(stacked(even_pattern(n))), 0.4)[FIRST] for n in (3, 40)}
        assert over == {3: [HeadId(0, 0)], 40: []}

    def test_the_registrys_score_leaves_row_0_out_and_so_differs(self):
        ids = list(range(6))
        raw = raw_detector_scores(stacked(even_pattern(6)))[FIRST][0, 0]
        scored = score_heads(stacked(even_pattern(6)), ids)["positional"].score[0, 0]
        assert raw == pytest.approx((5 * scored + 1) / 6)  # five rows of evidence, and row 0 with its 1.0

    def test_one_token_has_no_previous_one(self):
        scores = raw_detector_scores(np.ones((1, 1, 1, 1)))
        assert (scores[PREVIOUS][0, 0], scores[CURRENT][0, 0], scores[FIRST][0, 0]) == (0, 1, 1)

    @pytest.mark.parametrize("shape", [(3, 3), (1, 1, 3, 2), (1, 1, 0, 0)])
    def test_other_shapes_are_refused_with_the_shape_received(self, shape):
        with pytest.raises(ValueError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
            raw_detector_scores(np.zeros(shape))


class TestDetect:
    def test_the_worked_example(self):
        found = detect({FIRST: np.array([[0.2, 0.9], [0.4, 0.5]])}, 0.4)
        assert found == {FIRST: [HeadId(0, 1), HeadId(1, 1)]}

    def test_a_higher_threshold_lists_no_head_more(self):
        scores = {FIRST: np.random.default_rng(0).random((3, 4))}
        lists = [set(detect(scores, threshold)[FIRST]) for threshold in (0, 0.3, 0.6, 1)]
        assert all(after <= before for before, after in pairwise(lists))
        assert (len(lists[0]), len(lists[-1])) == (12, 0)
