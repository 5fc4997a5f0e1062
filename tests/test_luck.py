"""Luck, counted: against a library, against simulated blind looks, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson_binom

from scripts.calibrate import causal_pattern, ideal_pattern
from tests.patterns import even_pattern
from utils.measures.evidence import Evidence
from utils.measures.luck import chances_and_hits, count, luck_limit, masses, tail
from utils.measures.reading import Reading
from utils.roles import ROLES
from utils.scoring import as_ids, evidence_for


def one_target(rows: list[int], keys: list[int], n: int) -> Evidence:
    """Evidence rows with one target each."""
    targets = np.zeros((n, n), dtype=bool)
    targets[rows, keys] = True
    return Evidence(targets, np.array(rows), 1 / (np.array(rows) + 1))


def hitting(evidence: Evidence, n_hits: int, look: float = 1.0) -> Reading:
    """A head that looks at the target on the first `n_hits` evidence rows and rests on all others."""
    n = len(evidence.targets)
    pattern = np.zeros((n, n))
    pattern[:, 0] = 1
    for row in evidence.rows[:n_hits]:
        pattern[row, 0] = 1 - look
        pattern[row, evidence.targets[row].argmax()] = look
    return Reading(np.arange(n), pattern[None, None])


@pytest.mark.parametrize(
    ("rows", "luck"), [([13, 14], 1 / 182), ([12, 13], 1 / 156), ([20], 1 / 20)], ids=["13 and 14", "12 and 13", "20"]
)
def test_worked_examples(rows, luck):
    """Two chances after 13 and 14 tokens, one target each: 1/13 x 1/14 = .00549."""
    evidence = one_target(rows, [2, 3][: len(rows)], 30)
    counts = count(hitting(evidence, len(rows)), evidence)
    assert counts.luck[0, 0] == pytest.approx(luck)
    assert (counts.chances[0, 0], counts.hits[0, 0]) == (len(rows), len(rows))
    assert counts.expected[0, 0] == pytest.approx(sum(1 / row for row in rows))


def test_blind_looking_is_expected_to_hit_only_where_there_is_a_chance():
    """Of rows 12 and 13 a head that rests on the second has one chance, which blind looking hits 1/12 times."""
    evidence = one_target([12, 13], [2, 3], 30)
    assert count(hitting(evidence, 1), evidence).expected[0, 0] == pytest.approx(1 / 12)


def test_the_tail_is_that_of_a_poisson_binomial_distribution():
    rng = np.random.default_rng(0)
    for n_rows in (1, 2, 5, 30, 120):
        chances = rng.uniform(0, 0.5, n_rows)
        hits = np.arange(0, n_rows + 1)
        found = tail(np.broadcast_to(chances, (len(hits), n_rows)), hits)
        wanted = [poisson_binom(chances).sf(k - 1) if k else 1.0 for k in hits]
        assert found == pytest.approx(wanted, abs=1e-12)


def test_every_head_has_its_own_chances():
    found = tail(np.array([[0.5, 0.5], [0.5, 0.0]]), np.array([1, 1]))
    assert found.tolist() == [0.75, 0.5]


def test_blind_looks_hit_no_more_often_than_the_tail_says():
    """Heads that give one random key of each row nearly everything: how often k or more different targets are hit."""
    evidence = evidence_for("induction", list("xabcdefghabcdefgh"))
    rng, n, n_heads = np.random.default_rng(1), 17, 40_000
    looks = rng.integers(1, np.arange(1, n + 1).clip(2), size=(n_heads, n))  # any key but the first
    pattern = np.zeros((n_heads, n, n), dtype=np.float32)
    np.put_along_axis(pattern, np.minimum(looks, np.arange(n))[..., None], 1, axis=-1)
    counts = count(Reading(np.arange(n), pattern[:, None]), evidence)
    for hits in (1, 2, 3):
        said = tail(evidence.looking_chance[None], np.array([hits]))[0]
        seen = float((counts.hits >= hits).mean())
        assert seen <= said + 4 * np.sqrt(said / n_heads)
        assert seen >= 0.5 * said  # and it is not far off: the rows have different targets here


def test_a_target_counts_once_however_many_rows_look_at_it():
    """Every row after the copy looks at the same key: one choice, not nine."""
    targets = np.zeros((20, 20), dtype=bool)
    rows = np.arange(11, 20)
    targets[rows, 3] = True
    evidence = Evidence(targets, rows, 1 / (rows + 1))
    counts = count(hitting(evidence, 9), evidence)
    assert counts.hits[0, 0] == 1
    assert counts.luck[0, 0] > 0.4


def test_of_a_row_with_two_targets_the_heavier_counts():
    targets = np.zeros((12, 12), dtype=bool)
    targets[10, [2, 3]] = targets[11, 3] = True
    evidence = Evidence(targets, np.array([10, 11]), np.array([2 / 11, 1 / 12]))
    pattern = even_pattern(12)
    pattern[10], pattern[11] = 0, 0
    pattern[10, [2, 3]], pattern[11, 3] = [0.4, 0.6], 1
    counts = count(Reading(np.arange(12), pattern[None, None]), evidence)
    assert counts.hits[0, 0] == 1  # both hit key 3
    pattern[10, [2, 3]] = [0.6, 0.4]
    assert count(Reading(np.arange(12), pattern[None, None]), evidence).hits[0, 0] == 2


@pytest.mark.parametrize(("look", "is_chance"), [(0.05, False), (0.1, True), (1.0, True)])
def test_a_row_counts_when_the_head_looks_with_a_tenth_or_more(look, is_chance):
    evidence = one_target([10], [4], 12)
    reading = hitting(evidence, 1, look)
    found, hit = chances_and_hits(*masses(reading, evidence), evidence)
    assert (found[0, 0, 0], hit[0, 0, 0]) == (is_chance, is_chance)


def test_a_row_where_more_than_half_is_predicted_is_no_chance():
    targets = np.zeros((6, 6), dtype=bool)
    targets[4, [1, 2, 3]] = targets[5, [1, 2]] = True  # 3 of 4, and 2 of 5
    evidence = Evidence(targets, np.array([4, 5]), np.array([3 / 5, 2 / 6]))
    found, _ = chances_and_hits(*masses(Reading(np.arange(6), even_pattern(6)[None, None]), evidence), evidence)
    assert found[0, 0].tolist() == [False, True]


def test_more_than_half_of_the_looking_is_a_hit_and_half_is_none():
    evidence = one_target([10, 11], [4, 5], 12)
    pattern = even_pattern(12)
    pattern[10:] = 0
    pattern[10, [0, 4, 7]] = [0.6, 0.2, 0.2]  # half of what it looks
    pattern[11, [0, 5, 7]] = [0.6, 0.21, 0.19]
    _, hit = chances_and_hits(*masses(Reading(np.arange(12), pattern[None, None]), evidence), evidence)
    assert hit[0, 0].tolist() == [False, True]


def test_masses_are_those_of_the_pattern_row_by_row():
    ids = as_ids(list("xabcdabcdab"))
    evidence = evidence_for("induction", ids)
    pattern = causal_pattern(2 * np.random.default_rng(0).standard_normal((2, 3, len(ids), len(ids))))
    mass, look = masses(Reading(ids, pattern), evidence)
    for place, row in enumerate(evidence.rows):
        assert mass[..., place] == pytest.approx(pattern[..., row, evidence.targets[row]].sum(axis=-1))
        assert look[..., place] == pytest.approx(1 - pattern[..., row, 0])


def test_with_more_heads_side_by_side_the_limit_falls():
    assert luck_limit(1) == pytest.approx(0.05)
    assert luck_limit(8) == pytest.approx(0.00625)
    assert luck_limit(0) == luck_limit(1)


def test_no_hit_is_certain_luck():
    evidence = ROLES["previous_token"].measure.evidence(np.arange(8))
    idle = np.zeros((8, 8))
    idle[:, 0] = 1
    counts = count(Reading(np.arange(8), idle[None, None]), evidence)
    assert (counts.chances[0, 0], counts.hits[0, 0], counts.luck[0, 0]) == (0, 0, 1.0)
    busy = count(Reading(np.arange(8), ideal_pattern(evidence.targets, 0.0)[None, None]), evidence)
    assert busy.hits[0, 0] == len(evidence.rows) == busy.chances[0, 0]
