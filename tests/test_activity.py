"""The live decision: luck must not pass, even heads must not, ideal heads must as soon as luck can be ruled out."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.calibrate import (
    DRAWS,
    LENGTHS,
    LIMIT,
    ON_CARD,
    key_driven,
    lit_cards,
    natural_texts,
    resting,
    said_twice,
    states,
    text_with_one_repeat,
)
from scripts.calibrate import ideal_pattern as ideal_looking
from tests.patterns import even_pattern, ideal_pattern, random_patterns, score_heads
from utils.activity import decide_role
from utils.measures.attention_to import MIN_EXCESS, active_from
from utils.measures.evenness import is_even
from utils.measures.figures import RoleScores, excess_over_chance, to_score
from utils.measures.reading import Reading
from utils.measures.states import State
from utils.roles import ROLES, looking_roles
from utils.scoring import as_ids, score_text

LOOKING = tuple(looking_roles())
TEXT = as_ids(list("xabcdeyzabcdefghabcde"))


def scored(pattern: np.ndarray, ids: np.ndarray):
    """One head, or heads [head, query_pos, key_pos], on one text."""
    heads = pattern if pattern.ndim == 3 else pattern[None]
    return score_text(Reading(ids, heads[:, None]))


def state_of(role: str, pattern: np.ndarray, ids: np.ndarray, usual: float = 0.0, on_card: int = 1) -> State:
    return states(scored(pattern, ids), role, usual, on_card)[0]


class TestLuck:
    @pytest.mark.parametrize("kind", list(DRAWS))
    @pytest.mark.parametrize("n", LENGTHS)
    def test_cards_of_eight_heads_that_know_nothing_of_the_text_are_lit_in_at_most_five_percent(self, kind, n):
        rates: dict[str, list[float]] = {role: [] for role in LOOKING}
        rng = np.random.default_rng(n)
        n_cards = 60 if n < 100 else 20
        for seed in range(4):
            ids = text_with_one_repeat(n, seed)
            found = scored(DRAWS[kind](rng, n_cards * ON_CARD, n), ids)
            for role, shares in rates.items():
                if found.roles[role].n_rows:
                    shares.append(lit_cards(states(found, role)))
        assert max(np.mean(shares) for shares in rates.values()) <= LIMIT

    def test_nor_on_natural_passages(self):
        rng = np.random.default_rng(0)
        rates: dict[str, list[float]] = {role: [] for role in LOOKING}
        for ids in natural_texts():
            found = scored(key_driven(6)(rng, 10 * ON_CARD, len(ids)), ids)
            for role, shares in rates.items():
                if found.roles[role].n_rows:
                    shares.append(lit_cards(states(found, role)))
        assert max(np.mean(shares) for shares in rates.values()) <= LIMIT

    def test_the_more_heads_stand_side_by_side_the_rarer_a_count_must_be(self):
        ids = np.arange(4)  # rows 2 and 3 can tell: 1/2 x 1/3 = .17
        pattern = ideal_looking(ROLES["previous_token"].measure.evidence(ids).targets, 0.0)
        assert state_of("previous_token", pattern, ids) is State.CANNOT_TELL
        longer = np.arange(6)  # and rows 4 and 5: .17 / 4 / 5 = .0083
        pattern = ideal_looking(ROLES["previous_token"].measure.evidence(longer).targets, 0.0)
        assert state_of("previous_token", pattern, longer, on_card=1) is State.ACTIVE
        assert state_of("previous_token", pattern, longer, on_card=8) is State.CANNOT_TELL

    @pytest.mark.parametrize("rest", [0.0, 0.5, 0.9])
    def test_eight_ideal_previous_token_heads_need_seven_tokens(self, rest):
        def state(n):
            ids = np.arange(n)
            pattern = ideal_looking(ROLES["previous_token"].measure.evidence(ids).targets, rest)
            return state_of("previous_token", pattern, ids, on_card=8)

        assert [state(n) for n in (6, 7)] == [State.CANNOT_TELL, State.ACTIVE]


class TestStates:
    """A head that looks at what followed the earlier copy on some rows of a text said twice, and rests on others."""

    IDS = said_twice(12)
    ROWS = tuple(range(12, 24))

    def head(self, n_rows: int, share: float = 1.0) -> np.ndarray:
        pattern = np.zeros((24, 24))
        pattern[:, 0] = 1
        for row in self.ROWS[1 : n_rows + 1]:
            pattern[row, [0, row - 11]] = 1 - share, share
        return pattern

    def spread(self, n_rows: int) -> np.ndarray:
        """The same hits, and an even look on every other row."""
        pattern = even_pattern(24)
        pattern[: self.ROWS[1]] = self.head(0)[: self.ROWS[1]]
        for row in self.ROWS[1 : n_rows + 1]:
            pattern[row] = 0
            pattern[row, row - 11] = 1
        return pattern

    def test_a_head_that_rests_between_its_uses_is_active(self):
        found = scored(self.head(3), self.IDS)
        assert states(found, "induction", 0.9, 8)[0] is State.ACTIVE
        looking = found.roles["induction"].looking
        assert looking.score[0, 0] == pytest.approx(1.0)
        assert found.roles["induction"].score[0, 0] == pytest.approx(3 / len(found.evidence["induction"].rows))

    def test_more_hits_than_luck_and_less_in_sum_than_usual_is_here_and_there(self):
        assert state_of("induction", self.spread(4), self.IDS, usual=0.9, on_card=8) is State.HERE_AND_THERE
        assert state_of("induction", self.spread(4), self.IDS, usual=0.0, on_card=8) is State.ACTIVE

    def test_one_hit_of_many_chances_cannot_tell(self):
        assert state_of("induction", self.spread(1), self.IDS, on_card=8) is State.CANNOT_TELL

    def test_no_hit_is_not_seen_and_with_much_in_sum_below_usual(self):
        assert state_of("induction", self.spread(0), self.IDS) is State.NOT_SEEN
        less_than_half = 0.45 * ideal_pattern("induction", self.IDS) + 0.55 * ideal_pattern("previous_token", self.IDS)
        assert state_of("induction", less_than_half, self.IDS) is State.BELOW_USUAL

    def test_a_head_that_looks_with_less_than_a_tenth_has_no_chances(self):
        found = scored(self.head(12, share=0.09), self.IDS)
        decision = decide_role(found, "induction", None, 1)
        assert decision.counts.chances[0, 0] == 0
        assert decision.state[0, 0] is not State.ACTIVE


@pytest.mark.parametrize("n", [5, *LENGTHS])
@pytest.mark.parametrize("rest", [None, 0.3, 0.9])
def test_an_even_head_does_no_job_however_much_it_rests(n, rest):
    ids = text_with_one_repeat(n, 0)
    pattern = even_pattern(n) if rest is None else resting(even_pattern(n), rest)
    found = scored(pattern, ids)
    for role in LOOKING:
        if found.roles[role].n_rows:
            assert not decide_role(found, role, None, 1).is_active.any()
            assert found.roles[role].looking.excess[0, 0] == pytest.approx(0, abs=1e-6)


def test_an_even_head_is_diffuse():
    diffuse = score_heads(even_pattern(12)[None, None], np.arange(12))["diffuse"]
    assert is_even(diffuse.score, diffuse.peak).all()


@pytest.mark.parametrize("draw", ["independent, sd 3", "by key, sd 3"])
def test_of_four_hundred_heads_with_a_ninety_percent_sink_none_holds_a_job(draw):
    """As the catalogue would judge them: on many rows."""
    from utils.catalogue.inputs import repeated_sequences
    from utils.scoring import ScorePool

    rng, pool = np.random.default_rng(1), ScorePool(LOOKING)
    for ids in repeated_sequences(np.arange(1, 500), [0], 160, seed=3, count=8):
        patterns = resting(DRAWS[draw](rng, 400, len(ids)), 0.9)
        pool.add(Reading(ids, patterns[:, None]))
    for role, scores in pool.result().items():
        assert scores.looking.look[:, 0] == pytest.approx(0.1, abs=1e-6)
        assert not ROLES[role].measure.holds(scores).any()


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("role", LOOKING)
def test_ideal_head_is_active_for_no_other_job(role, split):
    tokens = np.concatenate([[90], np.arange(20), [91, 92, 93], np.arange(20)])
    pattern = ideal_pattern(role, tokens, split)
    assert state_of(role, pattern, tokens, usual=1.0, on_card=8) is State.ACTIVE
    for other in set(LOOKING) - {role}:
        assert state_of(other, pattern, tokens, on_card=1) is not State.ACTIVE, other


def test_a_head_is_asked_for_half_of_its_own_usual_excess():
    assert active_from(0.9) == pytest.approx(0.45)
    assert active_from(0.3) == pytest.approx(MIN_EXCESS)


def test_excess_and_score_axis_are_inverse():
    for chance in (0.05, 0.3):
        assert excess_over_chance(to_score(0.37, chance), chance) == pytest.approx(0.37)


def test_the_bar_s_marks_stand_on_the_axis_of_the_score_when_it_looks():
    found = scored(resting(random_patterns(3, len(TEXT), 2.0, 0), 0.6), TEXT)
    usual = RoleScores(1, np.full((3, 1), 0.8), 0.0, np.full((3, 1), 0.8))
    decision, looking = decide_role(found, "induction", usual, 8), found.roles["induction"].looking
    assert decision.threshold == pytest.approx(looking.chance + 0.4 * (1 - looking.chance))
    assert decision.usual == pytest.approx(looking.chance + 0.8 * (1 - looking.chance))


def test_diffuse_needs_evenness_and_no_peak():
    assert is_even(0.9, 0.2)
    assert not is_even(0.84, 0.2)
    assert not is_even(0.9, 0.36)


@pytest.mark.parametrize("role", LOOKING)
def test_at_the_limit_itself_a_head_is_active_and_just_below_it_is_not(role):
    """Half of this head's usual excess is what an ideal head has, and float32 rows must not cost it the lamp."""
    ids = said_twice(20)
    pattern = ideal_looking(ROLES[role].measure.evidence(ids).targets, 0.3).astype(np.float32)
    found = scored(pattern, ids)
    excess = float(found.roles[role].looking.excess[0, 0])
    assert states(found, role, 2 * excess, 8)[0] is State.ACTIVE
    assert states(found, role, 2 * (excess + 1e-3), 8)[0] is State.HERE_AND_THERE


def test_evenness_without_peaks_is_told_from_the_score_alone():
    assert is_even(0.9, None)
    assert not is_even(0.8, None)


def test_states_are_ordered_from_not_seen_to_active():
    assert sorted(State, key=lambda state: state.rank)[0] is State.NOT_SEEN
    assert max(State, key=lambda state: state.rank) is State.ACTIVE
    assert State.HERE_AND_THERE.rank > State.CANNOT_TELL.rank > State.BELOW_USUAL.rank


def test_a_head_that_rests_at_every_place_is_not_seen_whatever_the_little_that_it_looks_says():
    """Without a chance nothing is below usual: nobody could see it there."""
    ids = said_twice(12)
    pattern = resting(ideal_pattern("induction", ids), 0.95)
    assert state_of("induction", pattern, ids, usual=0.9, on_card=8) is State.NOT_SEEN
