"""The score: known answers, identities, and invariants over many random patterns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.calibrate import causal_pattern
from tests.patterns import PATTERN_ROLES, SET_ROLES, even_pattern, ideal_pattern, random_patterns, score_heads
from utils.measures.attention_to import AttentionTo, Prediction
from utils.measures.evenness import normalised_entropy
from utils.measures.reading import Reading
from utils.roles import ROLES
from utils.scoring import ScorePool, check_patterns, evidence_for

TEXT_WITH_EVERYTHING = list("xabcdeyabcdezabcde")


def one_head(pattern, tokens, role):
    return score_heads(pattern[None, None], tokens)[role]


@pytest.mark.parametrize("role", SET_ROLES)
@pytest.mark.parametrize("split", [True, False])
def test_ideal_head_scores_one_whether_it_takes_all_copies_or_the_latest(role, split):
    scores = one_head(ideal_pattern(role, TEXT_WITH_EVERYTHING, split), TEXT_WITH_EVERYTHING, role)
    assert scores.score[0, 0] == pytest.approx(1.0)
    assert scores.excess[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("n", [5, 6, 9, 20, 40, 100])
def test_even_head_is_exactly_at_chance_for_every_set_role(n):
    tokens = np.arange(n) % max(4, n // 2)
    for role in SET_ROLES:
        scores = one_head(even_pattern(n), tokens, role)
        if scores.n_rows:
            assert scores.score[0, 0] == pytest.approx(scores.chance)
            assert scores.excess[0, 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [3, 5, 9, 20, 50, 100])
def test_evenly_spread_head_is_fully_diffuse_at_every_length(n):
    scores = one_head(even_pattern(n), np.arange(n), "diffuse")
    assert scores.score[0, 0] == pytest.approx(1.0)
    assert scores.peak[0, 0] == pytest.approx(0.0)


def test_head_on_one_token_is_not_diffuse_at_all():
    scores = one_head(ideal_pattern("positional", np.arange(12)), np.arange(12), "diffuse")
    assert scores.score[0, 0] == pytest.approx(0.0)
    assert scores.peak[0, 0] == pytest.approx(1.0)


def test_score_is_the_hand_computed_mean_on_three_rows():
    tokens = list("abcab")  # induction rows: 3 -> 1, 4 -> 2
    pattern = even_pattern(5)
    pattern[3] = [0.1, 0.6, 0.1, 0.2, 0]
    pattern[4] = [0.0, 0.1, 0.3, 0.3, 0.3]
    scores = one_head(pattern, tokens, "induction")
    assert scores.score[0, 0] == pytest.approx((0.6 + 0.3) / 2)
    assert scores.chance == pytest.approx((1 / 4 + 1 / 5) / 2)


def test_looking_at_the_earlier_copy_is_duplicate_token_and_not_induction():
    scores = score_heads(ideal_pattern("duplicate_token", TEXT_WITH_EVERYTHING)[None, None], TEXT_WITH_EVERYTHING)
    assert scores["duplicate_token"].score[0, 0] == pytest.approx(1.0)
    assert scores["induction"].score[0, 0] == pytest.approx(0.0)


def test_ideal_heads_are_told_apart_by_orientation():
    """An asymmetric check: a head that looks one step back must not pass when rows and columns are exchanged."""
    n = 10
    looks_back = ideal_pattern("previous_token", np.arange(n))
    with pytest.raises(ValueError, match="causal"):
        check_patterns(looks_back.T.copy(), n)


def test_row_zero_is_not_counted_for_first_token():
    n = 6
    never_first = np.eye(n)
    assert one_head(never_first, np.arange(n), "positional").score[0, 0] == 0.0


def test_a_text_without_evidence_gives_no_number():
    scores = one_head(even_pattern(6), np.arange(6), "induction")
    assert scores.n_rows == 0
    assert np.isnan(scores.score).all()
    assert scores.chance is None


def test_pooling_counts_rows_and_not_texts():
    pool = ScorePool(["current_token"])
    pool.add(Reading(np.arange(4), np.eye(4)[None, None]))  # 3 rows at 1
    pool.add(Reading(np.arange(10), ideal_pattern("previous_token", np.arange(10))[None, None]))  # 9 rows at 0
    result = pool.result()["current_token"]
    assert result.n_rows == 12
    assert result.score[0, 0] == pytest.approx(3 / 12)


def test_matrix_product_and_row_by_row_agree():
    tokens = np.array([0, 1, 2, 3, 1, 2, 3, 0, 5, 2])
    patterns = random_patterns(6, 10, 2.0, seed=3).reshape(2, 3, 10, 10)
    scores = score_heads(patterns, tokens)
    for role in SET_ROLES:
        by_row = ROLES[role].measure.row_shares(Reading(tokens, patterns), evidence_for(role, tokens)).mean(axis=-1)
        assert scores[role].score == pytest.approx(by_row)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_tokens_are_refused_in_words(n):
    with pytest.raises(ValueError, match="at least 3 tokens"):
        score_heads(np.ones((1, 1, n, n)), np.arange(n))


def test_rows_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        score_heads((even_pattern(5) * 0.9)[None, None], np.arange(5))


def test_a_pattern_of_another_length_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"\[5, 5\], not"):
        score_heads(even_pattern(4)[None, None], np.arange(5))


def test_values_that_are_not_numbers_are_refused():
    pattern = even_pattern(5)
    pattern[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        score_heads(pattern[None, None], np.arange(5))


@st.composite
def patterns_with_tokens(draw):
    n = draw(st.integers(3, 24))
    tokens = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    seed, std = draw(st.integers(0, 10_000)), draw(st.floats(0.0, 6.0))
    return random_patterns(6, n, std, seed).reshape(2, 3, n, n), np.array(tokens)


@settings(deadline=None, max_examples=60)
@given(patterns_with_tokens())
def test_scores_stay_in_range_and_leave_the_pattern_alone(case):
    patterns, tokens = case
    before = patterns.copy()
    for role, scores in score_heads(patterns, tokens).items():
        assert scores.score.shape == (2, 3)
        if scores.n_rows:
            assert ((scores.score >= 0) & (scores.score <= 1)).all()
            if ROLES[role].measure.has_chance:
                assert (scores.excess <= 1 + 1e-12).all()
                assert 0 < scores.chance < 1
    assert (patterns == before).all()


@settings(deadline=None, max_examples=40)
@given(patterns_with_tokens(), st.permutations(range(6)))
def test_reordering_the_heads_reorders_the_scores(case, order):
    patterns, tokens = case
    shuffled = patterns.reshape(6, *patterns.shape[2:])[list(order)].reshape(patterns.shape)
    one, other = score_heads(patterns, tokens), score_heads(shuffled, tokens)
    for role in PATTERN_ROLES:
        assert other[role].score.ravel() == pytest.approx(one[role].score.ravel()[list(order)], nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(patterns_with_tokens())
def test_a_head_scores_the_same_alone_and_in_company(case):
    patterns, tokens = case
    together = score_heads(patterns, tokens)
    alone = score_heads(patterns[1:, 2:], tokens)
    for role in PATTERN_ROLES:
        assert alone[role].score[0, 0] == pytest.approx(together[role].score[1, 2], nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(patterns_with_tokens(), st.permutations(range(9)))
def test_scores_depend_on_which_tokens_are_equal_and_not_on_their_ids(case, renaming):
    patterns, tokens = case
    renamed = np.array(renaming)[tokens]
    one, other = score_heads(patterns, tokens), score_heads(patterns, renamed)
    for role in PATTERN_ROLES:
        assert other[role].score == pytest.approx(one[role].score, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(patterns_with_tokens())
def test_sharper_attention_is_never_more_diffuse(case):
    patterns, _ = case
    sharper = causal_pattern(np.where(patterns > 0, 2 * np.log(np.maximum(patterns, 1e-300)), -np.inf))
    assert (normalised_entropy(sharper) <= normalised_entropy(patterns) + 1e-9).all()


def test_a_row_whose_targets_are_all_that_it_sees_is_no_evidence_and_counted_as_left_out():
    """A made-up role that predicts everything in sight up to row 2, and one key after it."""

    def predicts(token_ids):
        targets = np.tril(np.ones((len(token_ids), len(token_ids)), dtype=bool))
        targets[3:, 1:] = False
        return Prediction(targets, np.zeros(len(token_ids), dtype=bool))

    evidence = AttentionTo(predicts).evidence(np.arange(6))
    assert evidence.rows.tolist() == [3, 4, 5]
    assert evidence.chance == pytest.approx([1 / 4, 1 / 5, 1 / 6])
    assert evidence.n_left_out == 3
    assert not evidence.targets[:3].any()
