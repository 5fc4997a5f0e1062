"""The live decision: luck must not pass, even heads must not pass, ideal heads must."""

import numpy as np
import pytest

from scripts.calibrate import LENGTHS, active_share, random_patterns, text_with_one_repeat
from tests.patterns import even_pattern, ideal_pattern, score_heads
from utils.measures.attention_to import MIN_EXCESS, active_from
from utils.measures.evenness import is_even
from utils.measures.luck import luck_limit
from utils.measures.measure import Reading, RoleScores, excess_over_chance, to_score
from utils.roles import ROLES, compared_roles
from utils.scoring import evidence_for, score_text

SET_ROLES = tuple(compared_roles())
SLACK = 0.012  # three standard errors of a 5 % rate over 3,000 heads


def active(role, tokens, patterns, catalogued_excess=0.4):
    """Share of heads [head, query_pos, key_pos] that are active for a role."""
    return active_share(role, score_text(Reading(np.asarray(tokens), patterns)), catalogued_excess)


@pytest.mark.parametrize("std", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("role", SET_ROLES)
def test_random_heads_are_called_active_in_at_most_five_percent(role, n, std):
    shares = [
        active(role, text_with_one_repeat(n, seed), random_patterns(300, n, std, seed + 1000 * n)) for seed in range(10)
    ]
    assert np.mean(shares) <= 0.05 + SLACK


@pytest.mark.parametrize("n", [5, *LENGTHS])
def test_even_head_is_active_for_no_role_but_diffuse(n):
    tokens = text_with_one_repeat(n, 0)
    for role in SET_ROLES:
        assert active(role, tokens, even_pattern(n)[None]) == 0
    diffuse = score_heads(even_pattern(n)[None, None], tokens)["diffuse"]
    assert is_even(diffuse.score, diffuse.peak).all()


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("role", SET_ROLES)
def test_ideal_head_is_active_for_its_role_at_every_length(role, split, n):
    tokens = text_with_one_repeat(n, 1)
    assert active(role, tokens, ideal_pattern(role, tokens, split)[None], catalogued_excess=1.0) == 1


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("role", SET_ROLES)
def test_ideal_head_is_active_for_no_other_set_role(role, split):
    tokens = np.concatenate([[90], np.arange(20), [91, 92, 93], np.arange(20)])
    pattern = ideal_pattern(role, tokens, split)[None]
    for other in set(SET_ROLES) - {role}:
        assert active(other, tokens, pattern) == 0, other


def test_a_single_row_of_a_short_text_needs_far_more_than_many_rows():
    one_row = luck_limit(evidence_for("induction", text_with_one_repeat(6, 0)))
    assert one_row == pytest.approx(0.86, abs=0.03)
    assert luck_limit(evidence_for("previous_token", np.arange(60))) < 0.06


def test_luck_limit_is_the_same_every_time_and_falls_with_more_rows():
    limits = [luck_limit(evidence_for("previous_token", np.arange(n))) for n in (4, 6, 10, 20, 50)]
    assert limits == sorted(limits, reverse=True)
    assert limits == [luck_limit(evidence_for("previous_token", np.arange(n))) for n in (4, 6, 10, 20, 50)]


def test_luck_limit_depends_on_how_many_targets_and_not_on_which():
    one = evidence_for("induction", list("abcdefabxyz"))
    other = evidence_for("induction", list("fbcdeafbxyz"))
    assert [*one.rows] != []
    assert len(one.rows) == len(other.rows)
    assert luck_limit(one) == pytest.approx(luck_limit(other))


def test_a_head_is_asked_for_half_of_its_own_usual_excess():
    many_rows = evidence_for("previous_token", np.arange(100))
    assert active_from(many_rows, 0.9) == pytest.approx(0.45)
    assert active_from(many_rows, 0.3) == pytest.approx(MIN_EXCESS)


def test_excess_and_score_axis_are_inverse():
    for chance in (0.05, 0.3):
        assert excess_over_chance(to_score(0.37, chance), chance) == pytest.approx(0.37)


def test_diffuse_needs_evenness_and_no_peak():
    assert is_even(0.9, 0.2)
    assert not is_even(0.84, 0.2)
    assert not is_even(0.9, 0.36)


@pytest.mark.parametrize("role", SET_ROLES)
def test_an_ideal_head_is_active_even_where_luck_can_be_ideal_too(role):
    """At the limit itself: a threshold of 1, and a score of 1 made of float32 rows."""
    live = RoleScores(1, np.array([[np.float32(1) - np.finfo(np.float32).eps]]), 0.5, np.array([[1.0]]))
    evidence = evidence_for(role, list("xabcdeyzabcdefghabcde"))
    certain = RoleScores(1, np.array([[1.0]]), 0.5, np.array([[2.0]]))  # half of it is 1, so the threshold is 1
    decision = ROLES[role].measure.decide(live, evidence, certain)
    assert decision.threshold[0, 0] == 1.0
    assert decision.is_active[0, 0]


@pytest.mark.parametrize("role", SET_ROLES)
def test_a_score_below_the_limit_is_not_active(role):
    evidence = evidence_for(role, list("xabcdeyzabcdefghabcde"))
    usual = RoleScores(1, np.array([[0.9]]), 0.1, np.array([[0.9]]))
    limit = ROLES[role].measure.decide(RoleScores(1, np.array([[0.0]]), 0.1), evidence, usual).threshold
    decision = ROLES[role].measure.decide(RoleScores(1, limit - 1e-3, 0.1), evidence, usual)
    assert not decision.is_active[0, 0]


def test_evenness_without_peaks_is_told_from_the_score_alone():
    assert is_even(0.9, None)
    assert not is_even(0.8, None)
