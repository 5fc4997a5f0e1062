"""What stands out on a text beyond the catalogue."""

import numpy as np
import pytest

from tests.catalogues import catalogue_from_scores, catalogue_of
from tests.patterns import even_pattern, ideal_pattern
from utils.activity import decide
from utils.analysis import strongest_heads, unexplained_heads
from utils.heads import HeadId
from utils.measures.reading import Reading
from utils.roles import ROLES
from utils.scoring import as_ids, evidence_for, score_text

TEXT = list("xabcdeyzabcdefghabcde")


def standing_out(scored, catalogue):
    return strongest_heads(scored, catalogue, decide(scored, catalogue))


def back_three(n):
    """A head that looks three steps back, which no role predicts on a text without repeats."""
    pattern = np.eye(n, k=-3)
    pattern[:3, :3] = np.eye(3)
    return pattern


def test_the_strongest_head_of_the_moment_is_named_even_when_the_catalogue_does_not_list_it():
    patterns = np.stack([even_pattern(len(TEXT)), ideal_pattern("induction", TEXT)])[None]
    only_even = catalogue_of(np.stack([even_pattern(len(TEXT))] * 2)[None], TEXT)
    best = standing_out(score_text(Reading(as_ids(TEXT), patterns)), only_even)[0]
    assert (best.id, best.role) == (HeadId(0, 1), "induction")
    assert best.excess == pytest.approx(1.0)
    assert best.is_catalogued is False


def test_each_head_enters_once_with_its_best_role():
    patterns = np.stack([ideal_pattern(role, TEXT) for role in ("previous_token", "positional")])[None]
    entries = standing_out(score_text(Reading(as_ids(TEXT), patterns)), None)
    assert [(entry.id.head, entry.role) for entry in entries] == [(0, "previous_token")]  # resting stands out nowhere


@pytest.mark.parametrize("knows_copies", [True, False])
def test_a_head_that_looks_back_by_a_fixed_distance_is_told_from_one_that_finds_copies(knows_copies):
    """On a text said twice both look at what followed the copy; only one of them also looks so far back elsewhere."""
    ids = np.concatenate([np.arange(100, 112), np.arange(8), np.arange(8)])
    induction = ideal_pattern("induction", ids)
    fixed = np.eye(len(ids), k=-7)
    fixed[:7, 0] = 1
    patterns = (induction if knows_copies else fixed)[None, None]
    (entry,) = standing_out(score_text(Reading(ids, patterns)), None)
    assert (entry.role, entry.looks_back) == ("induction", None if knows_copies else 7)
    assert entry.as_json()["looks_back"] == entry.looks_back


def test_a_head_that_the_catalogue_knows_is_never_said_to_look_back_by_a_fixed_distance():
    """On one text a few places may look like it; the catalogue asked at thousands."""
    ids = np.concatenate([np.arange(100, 112), np.arange(8), np.arange(8)])
    fixed = np.eye(len(ids), k=-7)
    fixed[:7, 0] = 1
    scored = score_text(Reading(ids, fixed[None, None]))
    catalogue = catalogue_from_scores(scored.roles)
    assert "induction" in catalogue.roles_of(HeadId(0, 0))
    (entry,) = standing_out(scored, catalogue)
    assert (entry.role, entry.is_catalogued, entry.looks_back) == ("induction", True, None)


def test_only_what_is_no_luck_among_all_heads_of_the_model_stands_out():
    ids = np.arange(7)
    one = ideal_pattern("previous_token", ids)[None, None]
    many = np.broadcast_to(one, (10, 20, 7, 7))
    assert standing_out(score_text(Reading(ids, one)), None) != ()
    assert standing_out(score_text(Reading(ids, many)), None) == ()


def test_a_head_with_a_strong_cell_that_no_role_predicts_is_reported_with_that_cell():
    n = 12
    patterns = np.stack([even_pattern(n), back_three(n)])[None]
    evidence = [evidence_for(role, np.arange(n)) for role in ROLES]
    (found,) = unexplained_heads(patterns, evidence)
    assert (found.id, found.look.weight) == (HeadId(0, 1), 1.0)
    assert found.look.query_pos - found.look.key_pos == 3


@pytest.mark.parametrize("role", ["previous_token", "induction", "duplicate_token", "positional", "current_token"])
def test_what_a_role_predicts_is_not_unexplained(role):
    patterns = ideal_pattern(role, TEXT)[None, None]
    assert unexplained_heads(patterns, [evidence_for(key, TEXT) for key in ROLES]) == ()


@pytest.mark.parametrize("pattern", [np.eye(12), np.eye(12, k=-1), ideal_pattern("positional", np.arange(12))])
def test_looks_that_are_never_surprising_are_left_out_even_where_no_role_has_evidence(pattern):
    patterns = pattern.copy()[None, None]
    patterns[..., 0, 0] = 1
    assert unexplained_heads(patterns, []) == ()


def test_a_look_of_thirty_percent_is_strong_enough_and_less_is_not():
    patterns = np.stack([np.eye(12), np.eye(12)])[None]
    patterns[0, 0, 9, [4, 9]] = [0.3, 0.7]
    patterns[0, 1, 9, [4, 9]] = [0.29, 0.71]
    (found,) = unexplained_heads(patterns, [])
    assert (found.id, found.look.query_pos, found.look.key_pos) == (HeadId(0, 0), 9, 4)
    assert found.look.is_evidence is False
