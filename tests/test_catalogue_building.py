"""From patterns to a catalogue: hand-made heads must come out with exactly the roles they were made for."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.patterns import PATTERN_ROLES, SET_ROLES, causal_pattern, even_pattern, ideal_pattern
from utils.catalogue.building import (
    Measured,
    build_catalogue,
    card_heads,
    describe_inputs,
    holders_of,
    measure_roles,
    roles_of_heads,
    with_suggestions,
)
from utils.catalogue.inputs import repeated_sequences
from utils.catalogue.schema import SCHEMA_VERSION, ModelCatalogue, Provenance, SuggestedPrompt
from utils.errors import UserError
from utils.heads import HeadId
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.roles import OTHER, ROLES
from utils.scoring import score_text

VOCABULARY = np.arange(1, 2000)
START_ID = 0

MadeHead = Callable[[np.ndarray], np.ndarray]


def even_head(ids: np.ndarray) -> np.ndarray:
    return even_pattern(len(ids))


def ideal_head(role: str) -> MadeHead:
    return lambda ids: ideal_pattern(role, ids)


def fixed_offset_head(steps_back: int) -> MadeHead:
    """Looks back by the same distance on every row, and at the first token where that is too far."""

    def pattern(ids: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(ids), len(ids)))
        queries = np.arange(len(ids))
        weights[queries, np.maximum(queries - steps_back, 0)] = 1
        return weights

    return pattern


def mixed_head(share: float, role: str, rest: MadeHead = even_head) -> MadeHead:
    """A share of an ideal head of the role, the rest of its attention as another head."""
    return lambda ids: share * ideal_pattern(role, ids) + (1 - share) * rest(ids)


def random_head(seed: int) -> MadeHead:
    """Strong random logits: no role at all, and not even either."""

    def pattern(ids: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng((seed, int(ids.sum())))
        return causal_pattern(3 * rng.standard_normal((len(ids), len(ids))))

    return pattern


def provenance() -> Provenance:
    return Provenance(
        schema_version=SCHEMA_VERSION,
        weights="sha256:0123456789",
        bos_rule="one start mark",
        start_mark_id=START_ID,
        seed=0,
        inputs_hash="sha256:" + "0" * 64,
        n_random_sequences=50,
        n_sentences=24,
        n_passages=6,
        evidence_rows={},
        chance={},
        engine="pyvene",
        versions={},
        date=datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC),
        max_difference_to_detect_head=None,
    )


def measured(layers: Sequence[Sequence[MadeHead]]) -> Measured:
    """What a model of hand-made heads does on inputs like the catalogue's."""
    rng = np.random.default_rng(5)
    repeated = repeated_sequences(VOCABULARY, [START_ID], context=200, seed=0)
    lengths = range(15, 39)
    sentences = [np.concatenate([[START_ID], rng.choice(VOCABULARY, n, replace=False)]) for n in lengths]

    def read(ids: np.ndarray) -> Reading:
        return Reading(ids, np.stack([np.stack([head(ids) for head in layer]) for layer in layers]).astype(np.float32))

    passages = [np.concatenate([[START_ID], rng.choice(VOCABULARY, 70, replace=False)]) for _ in range(6)]
    return measure_roles(map(read, repeated), map(read, sentences), map(read, passages))


def catalogue_of(layers: Sequence[Sequence[MadeHead]]) -> ModelCatalogue:
    return build_catalogue("made", measured(layers), provenance())


def test_each_ideal_head_gets_its_own_role_as_main_role():
    catalogue = catalogue_of([[ideal_head(role) for role in SET_ROLES]])
    for index, role in enumerate(SET_ROLES):
        assert catalogue.roles_of(HeadId(0, index))[0] == role
        assert catalogue.heads_of(role)[0].id == HeadId(0, index)
        assert catalogue.heads_of(role)[0].score > 0.999


@pytest.mark.parametrize("steps_back", [19, 24, 39, 40, 59, 62])
def test_a_head_that_looks_back_by_a_fixed_distance_is_no_induction_head(steps_back):
    catalogue = catalogue_of([[fixed_offset_head(steps_back)]])
    assert not {"induction", "duplicate_token"} & set(catalogue.roles_of(HeadId(0, 0)))
    assert catalogue.usual("induction").excess[0, 0] < 0.25


def test_with_one_fixed_period_that_head_would_have_passed():
    """Why periods vary: on sequences of one period, looking back by a fixed distance is as good as induction."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(5):
        segment = rng.choice(VOCABULARY, 25, replace=False)
        sequences.append(np.concatenate([[START_ID], segment, segment]))
    head = fixed_offset_head(24)
    scores = measure_roles([Reading(ids, head(ids)[None, None]) for ids in sequences], [], []).scores
    assert scores["induction"].score[0, 0] > 0.95


def test_an_even_head_is_diffuse_and_nothing_else():
    assert catalogue_of([[even_head]]).roles_of(HeadId(0, 0)) == ("diffuse",)


def test_a_random_head_is_other_and_keeps_all_its_scores():
    catalogue = catalogue_of([[random_head(0), random_head(1)]])
    assert catalogue.roles_of(HeadId(0, 1)) == ()
    assert [head.id for head in catalogue.heads_of(OTHER)] == [HeadId(0, 0), HeadId(0, 1)]
    assert all(np.shape(catalogue.all_scores[role]) == (1, 2) for role in ROLES)


def test_other_lists_the_role_that_a_head_comes_nearest_to():
    (entry,) = catalogue_of([[mixed_head(0.2, "current_token", rest=random_head(3))]]).heads_of(OTHER)
    assert entry.best_role == "current_token"
    assert 0.1 < entry.excess < 0.25


def test_a_head_may_hold_two_roles_and_the_stronger_is_the_main_one():
    def both(ids: np.ndarray) -> np.ndarray:
        return 0.45 * ideal_head("previous_token")(ids) + 0.55 * ideal_head("positional")(ids)

    assert catalogue_of([[both]]).roles_of(HeadId(0, 0)) == ("previous_token", "positional")


def test_diffuse_is_main_only_without_a_set_role_held_in_full():
    """An induction head that is even where nothing returns: diffuse on sentences, yet mainly induction."""
    catalogue = catalogue_of([[ideal_head("induction")]])
    assert catalogue.roles_of(HeadId(0, 0)) == ("induction", "diffuse")


def test_diffuse_comes_before_a_role_held_weakly():
    catalogue = catalogue_of([[mixed_head(0.3, "induction")]])
    assert catalogue.roles_of(HeadId(0, 0)) == ("diffuse", "induction")
    assert catalogue.heads_of("induction")[0].weak


def test_a_layer_without_a_holder_enters_its_best_head_as_weak():
    strong, weak, weaker = (mixed_head(share, "current_token") for share in (0.9, 0.35, 0.3))
    catalogue = catalogue_of([[strong, weak], [weaker, weak], [mixed_head(0.2, "current_token"), even_head]])
    listed = [(head.id, head.weak) for head in catalogue.heads_of("current_token")]
    assert listed == [(HeadId(0, 0), False), (HeadId(1, 1), True)]


def scores_with_excess(excess: np.ndarray) -> RoleScores:
    return RoleScores(100, score=excess, chance=0.0, excess=excess)


def test_thresholds_themselves_are_not_enough():
    holders = holders_of("induction", scores_with_excess(np.array([[0.4], [0.4001], [0.25], [0.2501]])))
    assert holders.full[:, 0].tolist() == [False, True, False, False]
    assert holders.weak[:, 0].tolist() == [True, False, False, True]


def test_a_card_lists_the_eight_strongest_and_all_holders_keep_the_role():
    excess = np.linspace(0.5, 0.95, 12).reshape(3, 4)
    scores = {role: scores_with_excess(np.zeros((3, 4))) for role in SET_ROLES}
    scores["induction"] = scores_with_excess(excess)
    scores["diffuse"] = RoleScores(100, score=np.zeros((3, 4)), peak=np.ones((3, 4)))
    heads = card_heads("induction", scores["induction"])
    assert [head.excess for head in heads] == sorted(excess.ravel(), reverse=True)[:8]
    assert all(roles == ["induction"] for layer in roles_of_heads(scores) for roles in layer)


@pytest.mark.parametrize(("score", "peak", "held"), [(0.85, 0.35, True), (0.84, 0.1, False), (0.9, 0.36, False)])
def test_diffuse_needs_an_even_row_and_no_peak(score, peak, held):
    scores = RoleScores(10, score=np.array([[score]]), peak=np.array([[peak]]))
    assert holders_of("diffuse", scores).all[0, 0] == held
    assert len(card_heads("diffuse", scores)) == held


def test_a_role_without_evidence_is_refused_by_name():
    ids = np.arange(1, 30)
    reading = Reading(ids, even_head(ids)[None, None])
    scores = measure_roles([reading], [reading], [reading])
    with pytest.raises(UserError, match="no evidence for induction"):
        build_catalogue("made", scores, provenance())


def test_the_order_of_heads_makes_no_difference():
    heads = [ideal_head("induction"), even_head, random_head(1)]
    forward, backward = measured([heads]), measured([heads[::-1]])
    for role in PATTERN_ROLES:
        assert np.allclose(forward.scores[role].score, backward.scores[role].score[:, ::-1])


def test_suggestions_go_to_their_cards_best_first():
    prompts = [SuggestedPrompt(text="a b a", lights=2, of=2), SuggestedPrompt(text="c d c", lights=1, of=2)]
    catalogue = with_suggestions(catalogue_of([[ideal_head("induction")]]), {"induction": prompts})
    assert catalogue.categories["induction"].suggested_prompt == prompts[0]
    assert catalogue.categories["induction"].suggested_prompts == prompts
    assert catalogue.categories["positional"].suggested_prompt is None


def test_provenance_can_say_how_many_rows_there_were_and_what_chance_was():
    facts = describe_inputs(measured([[even_head]]).scores)
    assert set(facts["chance"]) == set(SET_ROLES)
    assert set(facts["evidence_rows"]) == set(PATTERN_ROLES)
    assert min(facts["evidence_rows"].values()) > 400


def decaying_head(slope: float) -> MadeHead:
    """Prefers what is near, as a head with ALiBi and no other preference does."""

    def pattern(ids: np.ndarray) -> np.ndarray:
        places = np.arange(len(ids))
        return causal_pattern(-slope * (places[:, None] - places))

    return pattern


def test_a_head_that_prefers_what_is_near_is_even_on_a_short_text_and_no_diffuse_head():
    short = np.arange(1, 23)
    scores = score_text(Reading(short, decaying_head(0.25)(short)[None, None])).roles["diffuse"]
    assert holders_of("diffuse", scores).full[0, 0]
    assert "diffuse" not in catalogue_of([[decaying_head(0.25)]]).roles_of(HeadId(0, 0))


def test_what_shows_on_any_text_is_measured_on_random_tokens_once_more():
    """A previous-token head that needs sentences: on the random sequences, which repeat, it looks elsewhere."""

    def of_sentences_alone(ids: np.ndarray) -> np.ndarray:
        repeats = len(set(ids.tolist())) < len(ids)
        return ideal_pattern("induction" if repeats else "previous_token", ids)

    catalogue = catalogue_of([[ideal_head("previous_token"), of_sentences_alone]])
    assert [head.id for head in catalogue.heads_of("previous_token")] == [HeadId(0, 0), HeadId(0, 1)]
    everywhere, there = catalogue.on_random["previous_token"][0]
    assert everywhere == pytest.approx(1.0)
    assert there < 0.6
    assert set(catalogue.on_random) == {"previous_token", "current_token"}


def test_the_catalogue_gives_back_what_heads_do_when_they_look():
    heads = [mixed_head(0.3, "induction", rest=ideal_head("positional")), random_head(2)]
    scores, catalogue = measured([heads]).scores, catalogue_of([heads])
    looking, usual = scores["induction"].looking, catalogue.usual("induction").looking
    for name in ("score", "excess", "look"):
        assert np.allclose(getattr(usual, name), getattr(looking, name), atol=1e-9)
    assert usual.chance[0, 1] == pytest.approx(looking.chance[0, 1], abs=1e-9)
    assert usual.look[0, 0] == pytest.approx(0.3, abs=0.02)
    assert usual.score[0, 0] == pytest.approx(1.0)


def test_holders_are_counted_in_full():
    strong, weak = mixed_head(0.9, "current_token"), mixed_head(0.35, "current_token")
    catalogue = catalogue_of([[strong], [weak]])
    assert catalogue.categories["current_token"].n_heads_holding == 1
    assert len(catalogue.holders_of("current_token")) == 2


def test_a_layer_that_sees_too_little_holds_nothing_and_the_catalogue_can_be_written():
    """A window of 8 keys: nothing that was said 20 tokens ago is in sight, so nothing there can tell induction."""

    def read(ids: np.ndarray) -> Reading:
        n = len(ids)
        near = np.tril(np.ones((n, n))) * np.triu(np.ones((n, n)), k=-7)
        patterns = np.stack([near / near.sum(axis=1, keepdims=True), ideal_pattern("induction", ids)])[:, None]
        return Reading(ids, patterns.astype(np.float32), windows=(8, None))

    repeated = repeated_sequences(VOCABULARY, [START_ID], context=200, seed=0, count=6)
    plain = [np.arange(1, 80)]
    found = measure_roles(map(read, repeated), map(read, plain), map(read, plain))
    assert np.isnan(found.scores["induction"].score[0, 0])
    facts = provenance().model_copy(update=describe_inputs(found.scores))
    catalogue = build_catalogue("windowed", found, facts)
    assert ModelCatalogue.model_validate_json(catalogue.model_dump_json()).head_roles == catalogue.head_roles
    assert catalogue.all_scores["induction"][0][0] == 0
    assert [head.id for head in catalogue.heads_of("induction")] == [HeadId(1, 0)]
