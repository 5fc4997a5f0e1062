"""What each measure owes, on patterns short enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.patterns import PATTERN_ROLES, even_pattern, ideal_pattern
from utils.measures.evenness import normalised_entropy
from utils.measures.evidence import EvidenceRow
from utils.measures.figures import RowSums
from utils.measures.measure import Measure
from utils.measures.reading import Look, Reading
from utils.roles import ROLES
from utils.scoring import as_ids

INDUCTION, EVENNESS = ROLES["induction"].measure, ROLES["diffuse"].measure
TEXT = list("xabcyabzab")  # rows that can tell: 5 and 8 (a: look at b), 6 (b: look at c), 9 (b: at c, or at z)
ROWS = [5, 6, 8, 9]


def reading(pattern: np.ndarray, tokens=TEXT) -> Reading:
    return Reading(as_ids(tokens), pattern)


def induction_head(**weights: float) -> np.ndarray:
    """A head that puts these shares on what followed the earliest copy, by row (`r5=0.8`), the rest on token 0."""
    pattern = np.zeros((len(TEXT), len(TEXT)))
    pattern[:, 0] = 1
    for row, key in ((5, 2), (6, 3), (8, 2), (9, 3)):
        share = weights.get(f"r{row}", 0.0)
        pattern[row, 0], pattern[row, key] = 1 - share, share
    return pattern


def looks_of(measure: Measure, pattern: np.ndarray, most: int = 12) -> tuple[Look, ...]:
    return measure.strongest_looks(reading(pattern), measure.evidence(as_ids(TEXT)), most)


def focus_of(measure: Measure, pattern: np.ndarray) -> Look:
    evidence = measure.evidence(as_ids(TEXT))
    return measure.focus(reading(pattern), evidence, looks_of(measure, pattern))


class TestFocus:
    def test_it_is_at_the_last_token_where_that_is_half_as_strong_as_the_strongest(self):
        assert focus_of(INDUCTION, induction_head(r5=0.8, r9=0.4)) == Look(9, 3, 0.4)

    def test_else_it_is_the_latest_of_those_nearly_as_strong(self):
        focus = focus_of(INDUCTION, induction_head(r5=0.8, r6=0.73, r8=0.7, r9=0.39))
        assert (focus.query_pos, focus.key_pos) == (6, 3)

    def test_nearly_as_strong_means_nine_tenths(self):
        assert focus_of(INDUCTION, induction_head(r5=0.5, r6=0.45, r8=0.44)).query_pos == 6

    def test_of_an_even_head_it_is_the_most_even_row_of_the_second_half(self):
        pattern = even_pattern(10)
        pattern[5:, :] = 0
        pattern[5:, 0] = 1
        pattern[7, :8] = [0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
        assert focus_of(EVENNESS, pattern) == Look(7, 0, 0.3)


class TestLooks:
    def test_they_are_the_predicted_cells_strongest_first_and_equal_ones_in_order(self):
        looks = looks_of(INDUCTION, induction_head(r5=0.2, r6=0.9, r8=0.2))
        assert [(look.query_pos, look.key_pos) for look in looks] == [(6, 3), (5, 2), (8, 2), (8, 6), (9, 3), (9, 7)]

    def test_no_more_than_asked_for(self):
        assert len(looks_of(INDUCTION, induction_head(), most=2)) == 2

    def test_an_even_head_is_proved_by_its_most_even_row_wherever_it_stands(self):
        pattern = np.eye(10)
        pattern[3, :4] = [0.4, 0.2, 0.2, 0.2]
        assert looks_of(EVENNESS, pattern) == (Look(3, 0, 0.4),)

    def test_around_an_even_row_stands_all_that_it_sees_strongest_first(self):
        pattern = np.eye(10)
        pattern[5, :6] = [0.1, 0.3, 0.2, 0.1, 0.2, 0.1]
        arcs = EVENNESS.arcs(reading(pattern), Look(5, 1, 0.3), (), most=4)
        assert [(arc.query_pos, arc.key_pos, arc.weight) for arc in arcs] == [
            (5, 1, 0.3),
            (5, 2, 0.2),
            (5, 4, 0.2),
            (5, 0, 0.1),
        ]

    def test_every_look_of_an_evidence_row_counts_for_evenness_and_only_targets_for_attention(self):
        ids = as_ids(TEXT)
        even = EVENNESS.counted_cells(EVENNESS.evidence(ids))
        assert even[1:].all()
        assert not even[0].any()
        counted = INDUCTION.counted_cells(INDUCTION.evidence(ids))
        assert np.argwhere(counted).tolist() == [[5, 2], [6, 3], [8, 2], [8, 6], [9, 3], [9, 7]]


class TestEvidenceRows:
    def test_a_row_names_its_strongest_target_and_how_many_there_are_more(self):
        pattern = induction_head(r5=0.8, r6=0.5)
        pattern[8, [0, 2, 6]] = [0.1, 0.3, 0.6]
        rows = INDUCTION.evidence_rows(reading(pattern), INDUCTION.evidence(as_ids(TEXT)))
        assert rows[0] == EvidenceRow(5, 0.8, 2, 0, look=pytest.approx(0.8), is_chance=True, is_hit=True)
        assert rows[1] == EvidenceRow(6, 0.5, 3, 0, look=pytest.approx(0.5), is_chance=True, is_hit=True)
        assert (rows[2].query_pos, rows[2].key_pos, rows[2].n_more_keys) == (8, 6, 1)
        assert rows[2].share == pytest.approx(0.9)

    def test_a_row_of_evenness_names_no_key(self):
        rows = EVENNESS.evidence_rows(reading(even_pattern(10)), EVENNESS.evidence(as_ids(TEXT)))
        assert [row.query_pos for row in rows] == list(range(1, 10))
        assert all(row.key_pos is None and row.share == pytest.approx(1) for row in rows)

    @pytest.mark.parametrize("role", list(PATTERN_ROLES))
    def test_their_mean_is_the_score_of_every_role(self, role):
        measure, pattern = ROLES[role].measure, 0.5 * ideal_pattern("induction", TEXT) + 0.5 * even_pattern(10)
        evidence = measure.evidence(as_ids(TEXT))
        shares = [row.share for row in measure.evidence_rows(reading(pattern), evidence)]
        assert np.mean(shares) == pytest.approx(measure.row_shares(reading(pattern), evidence).mean())


def test_a_look_at_the_query_itself_is_one_at_itself():
    assert Look(3, 3, 0.5).is_itself
    assert not Look(3, 2, 0.5).is_itself


def test_yardsticks_are_chance_or_what_evenness_asks_for():
    ((words, chance),) = INDUCTION.yardsticks(reading(even_pattern(10)), 0.25)
    assert (words, chance) == ("Chance, for a blind look", 0.25)
    (first, none), (second, peak) = EVENNESS.yardsticks(reading(np.eye(10)), None)
    assert first == "An even head has 1.00; diffuse from 0.85"
    assert none is None
    assert second == "Largest weight above even, at most 0.35"
    assert peak == pytest.approx(1)


def test_sums_of_two_texts_count_rows_and_keep_peaks_only_where_there_are_some():
    one, other = (RowSums(n, np.array([float(n)]), chance=n / 10, peaks=np.array([n / 2])) for n in (2, 3))
    both = one.plus(other)
    assert (both.n_rows, both.shares[0], both.peaks[0]) == (5, 5.0, 2.5)
    assert both.chance == pytest.approx(0.5)
    assert one.plus(RowSums(1, np.array([1.0]))).peaks is None


def test_of_one_head_a_reading_keeps_what_that_head_does_and_the_text():
    patterns = np.stack([even_pattern(10), np.eye(10)])[None]
    values = np.arange(2 * 10 * 3, dtype=float).reshape(1, 2, 10, 3)
    one = Reading(as_ids(TEXT), patterns, values).of_head((0, 1))
    assert np.array_equal(one.patterns, np.eye(10))
    assert np.array_equal(one.head_values, values[0, 1])
    assert one.token_ids.tolist() == as_ids(TEXT).tolist()
    assert one.axes == ()
    assert Reading(as_ids(TEXT), patterns).of_head((0, 1)).head_values is None


def test_the_general_way_to_add_up_rows_agrees_with_the_one_in_one_product():
    evidence = INDUCTION.evidence(as_ids(TEXT))
    patterns = np.stack([induction_head(r5=0.8, r6=0.3), even_pattern(10)])[None]
    asked = {"induction": (INDUCTION, evidence)}
    fast = type(INDUCTION).sum_rows(reading(patterns), asked)["induction"]
    general = Measure.sum_rows.__func__(type(INDUCTION), reading(patterns), asked)["induction"]
    assert fast.shares == pytest.approx(general.shares)
    assert (fast.n_rows, fast.chance) == (general.n_rows, general.chance)


def test_entropy_of_a_row_of_two_equal_keys_out_of_four_is_a_half():
    pattern = np.eye(4)
    pattern[3] = [0.5, 0.5, 0, 0]
    assert normalised_entropy(pattern)[2] == pytest.approx(0.5)
