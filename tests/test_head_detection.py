"""The checker's three functions, on hand-made heads with known jobs."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.catalogues import catalogue_of
from tests.patterns import PATTERN_ROLES, even_pattern, ideal_pattern, text_tokens
from utils.activity import decide
from utils.head_detection import (
    get_active_head_summary,
    load_head_categories,
    score_of,
    summarise_other,
    summarise_roles,
    verify_head_activation,
)
from utils.heads import HeadId
from utils.measures.attention_to import AttentionTo, Prediction
from utils.measures.reading import Look, Reading
from utils.measures.states import State
from utils.roles import ROLES
from utils.scoring import evidence_for
from utils.tokens import Token

TEXT = list("xabcdeyzabcdefghabcde")
HEAD_ROLES = ["previous_token", "induction", "duplicate_token", "positional", "current_token"]


@dataclass(frozen=True)
class Seen:
    """The least that the checker needs of a forward pass."""

    patterns: np.ndarray
    tokens: tuple[Token, ...]

    @property
    def reading(self) -> Reading:
        return Reading(np.array([token.id for token in self.tokens], dtype=np.int64), self.patterns)


def ideal_heads(tokens):
    """One layer of six heads: an ideal one for each set role, then an even one: [1, 6, n, n]."""
    return np.stack([*(ideal_pattern(role, tokens) for role in HEAD_ROLES), even_pattern(len(tokens))])[None]


CATALOGUE = catalogue_of(ideal_heads(TEXT), TEXT)


def summarised(seen, catalogue):
    scored = score_of(seen)
    return summarise_roles(seen, catalogue, scored, decide(scored, catalogue))


def summary_of(text, **kwargs):
    tokens = text_tokens(*text, **kwargs)
    return summarised(Seen(ideal_heads([token.id for token in tokens]), tokens), CATALOGUE)


def test_every_ideal_head_is_active_for_its_own_job_and_evenness_is_diffuse():
    summary = summary_of(TEXT)
    assert {role: summary[role].status for role in PATTERN_ROLES} == dict.fromkeys(PATTERN_ROLES, "active")
    for index, role in enumerate(HEAD_ROLES):
        entry = next(head for head in summary[role].heads if head.id == HeadId(0, index))
        assert entry.is_active
        assert entry.activation_score == pytest.approx(1.0)


def test_a_text_without_repeats_greys_the_two_repetition_jobs_only():
    summary = summary_of("abcdefgh")
    grey = {role for role in ROLES if summary[role].status == "not_applicable"}
    assert grey == {"induction", "duplicate_token"}
    assert "All 8 tokens here are different" in summary["induction"].reason


@pytest.mark.parametrize("text", ["", "a", "ab"])
def test_under_three_tokens_no_role_is_applicable_and_nothing_fails(text):
    summary = summary_of(text) if text else summarised(Seen(np.zeros((1, 6, 0, 0)), ()), CATALOGUE)
    for role in PATTERN_ROLES:
        assert summary[role].status == "not_applicable"
        assert not summary[role].is_applicable
        assert "too few" in summary[role].reason


def test_a_catalogued_head_that_does_something_else_today_is_below_its_usual_level():
    tokens = text_tokens(*TEXT)
    idle = np.stack([ideal_pattern("positional", TEXT)] * 6)[None]
    summary = summarised(Seen(idle, tokens), CATALOGUE)
    assert summary["induction"].status == "not_seen"
    assert "these heads rest on the first token" in summary["induction"].reason
    busy = np.stack([ideal_pattern("current_token", TEXT)] * 6)[None]
    reason = summarised(Seen(busy, tokens), CATALOGUE)["induction"].reason
    assert reason.startswith("None of these heads does it")
    assert reason.endswith("on the token itself instead.")


def test_numbers_on_a_card_belong_together():
    for role in HEAD_ROLES:
        for head in summary_of(TEXT)[role].heads:
            chance, score = head.chance, head.activation_score
            assert head.excess == pytest.approx((score - chance) / (1 - chance))
            assert head.bar_chance < head.threshold < 1
            assert head.is_active == (head.bar_score >= head.threshold)
            assert head.is_active == (head.state is State.ACTIVE)
            if head.looking_score is not None:
                assert 0 < head.hits <= head.chances
                assert head.luck <= 0.05 / len(summary_of(TEXT)[role].heads)


def test_evidence_is_what_the_job_predicts_strongest_first():
    pattern = even_pattern(5)
    pattern[3], pattern[4] = [0, 0.6, 0.2, 0.2, 0], [0, 0, 0.9, 0.1, 0]
    evidence = evidence_for("induction", list("abcab"))
    looks = ROLES["induction"].measure.strongest_looks(Reading(np.arange(5), pattern), evidence, most=12)
    assert looks == (Look(4, 2, 0.9), Look(3, 1, 0.6))


def test_evidence_of_diffuse_is_the_most_even_row_and_its_largest_weight():
    pattern = np.eye(4)
    pattern[2, :3] = [0.4, 0.3, 0.3]
    evidence = evidence_for("diffuse", list("abcd"))
    looks = ROLES["diffuse"].measure.strongest_looks(Reading(np.arange(4), pattern), evidence, most=12)
    assert looks == (Look(2, 0, 0.4),)


def test_a_model_with_a_start_mark_says_start_mark_where_others_say_first_token():
    assert "start mark" in summary_of(TEXT, start=True)["positional"].sentence
    assert "start mark" not in summary_of(TEXT)["positional"].sentence


def test_a_role_without_heads_says_so_and_calls_it_normal():
    only_previous = np.stack([ideal_pattern("previous_token", TEXT)] * 2)[None]
    catalogue = catalogue_of(only_previous, TEXT)
    summary = summarised(Seen(only_previous, text_tokens(*TEXT)), catalogue)
    assert summary["induction"].status == "no_heads"
    assert "None of this model’s 2 heads" in summary["induction"].reason
    assert "normal" in summary["induction"].reason


def test_a_head_with_two_jobs_says_which_is_the_main_one():
    both = ideal_pattern("induction", TEXT)
    both[ideal_pattern("induction", TEXT) == even_pattern(len(TEXT))] = 0
    rests = both.sum(axis=1) < 0.5
    both[rests] = 0
    both[rests, 0] = 1
    catalogue = catalogue_of(both[None, None], TEXT)
    summary = summarised(Seen(both[None, None], text_tokens(*TEXT)), catalogue)
    entry = summary["positional"].heads[0]
    assert entry.main_role == "induction"
    assert not entry.is_main
    assert entry.also == ("induction",)


def test_other_lists_every_head_that_holds_no_job():
    patterns = np.stack([ideal_pattern("previous_token", TEXT), ideal_pattern("previous_token", TEXT)])[None]
    patterns[0, 1] = np.eye(len(TEXT), k=-3)  # three steps back: none of the five jobs
    patterns[0, 1, :3] = np.eye(3, len(TEXT))
    catalogue = catalogue_of(patterns, TEXT)
    other = summarise_other(catalogue, score_of(Seen(patterns, text_tokens(*TEXT))))
    assert [head.id for head in other.heads] == [HeadId(0, 1)]
    assert other.as_json()["status"] is None


def test_a_model_nobody_analysed_says_so_for_every_role():
    summary = get_active_head_summary(Seen(ideal_heads(TEXT), text_tokens(*TEXT)), "no-such-model")
    for role in ROLES:
        assert summary[role]["status"] == "no_heads"
        assert "no catalogue yet" in summary[role]["reason"]


def test_verify_gives_the_score_of_one_head_from_any_form_of_pattern():
    pattern = ideal_pattern("induction", TEXT)
    for form in (pattern, pattern.tolist(), pattern.astype(np.float32)):
        assert verify_head_activation(form, TEXT, {"layer": 0, "head": 0}, "induction") == pytest.approx(1.0)
    everything = ideal_heads(TEXT)
    assert verify_head_activation(everything, TEXT, {"layer": 0, "head": 1}, "induction") == pytest.approx(1.0)
    assert verify_head_activation(everything, TEXT, {"layer": 0, "head": 0}, "induction") < 0.2


def test_verify_is_zero_where_the_text_has_no_evidence():
    assert verify_head_activation(even_pattern(5), list("abcde"), None, "induction") == 0.0


def test_verify_refuses_what_is_not_a_pattern():
    with pytest.raises(ValueError, match="causal"):
        verify_head_activation(np.ones((4, 4)) / 4, list("abcd"), None, "induction")
    with pytest.raises(KeyError):
        verify_head_activation(even_pattern(4), list("abcd"), None, "telepathy")


def test_an_unknown_model_has_no_categories():
    assert load_head_categories("no-such-model") is None


def test_a_new_role_is_one_entry_and_one_function(monkeypatch):
    """Two tokens back, added to the registry: scored, catalogued, decided and explained without another line."""

    def predict_two_back(token_ids):
        n = len(token_ids)
        return Prediction(np.eye(n, k=-2, dtype=bool), np.arange(n) == 2)

    two_back = replace(
        ROLES["previous_token"],
        key="two_back",
        display_name="Two back",
        habit="looks two tokens back",
        measure=AttentionTo(predict_two_back),
    )
    monkeypatch.setitem(ROLES, "two_back", two_back)
    patterns = np.stack([ideal_pattern("two_back", TEXT), ideal_pattern("positional", TEXT)])[None]
    seen = Seen(patterns, text_tokens(*TEXT))
    summary = summarised(seen, catalogue_of(patterns, TEXT))["two_back"]
    assert summary.status == "active"
    assert [(head.id, head.activation_score) for head in summary.heads] == [(HeadId(0, 0), pytest.approx(1.0))]
    nobody = catalogue_of(patterns[:, 1:], TEXT)
    assert "looks mostly two tokens back" in summarised(seen, nobody)["two_back"].reason


def test_a_head_without_a_job_is_told_with_the_role_that_it_comes_nearest_to_here():
    """Three steps back in the catalogue's text; on this one it does duplicate-token, and a little of first token."""
    back = np.eye(len(TEXT), k=-3)
    back[:3, :3] = np.eye(3)
    catalogue = catalogue_of(back[None, None], TEXT)
    now = 0.8 * ideal_pattern("duplicate_token", TEXT) + 0.2 * ideal_pattern("positional", TEXT)
    seen = Seen(now[None, None], text_tokens(*TEXT))
    (other,) = summarise_other(catalogue, score_of(seen)).heads
    assert other.id == HeadId(0, 0)
    assert other.best_role == "duplicate_token"
    assert other.best_score == pytest.approx(1.0, abs=0.02)  # when it looks
    assert summarise_other(catalogue, None).heads[0].best_role is None


def test_the_summary_as_json_has_the_fields_of_the_api_with_the_values_of_the_types():
    tokens = text_tokens(*TEXT)
    seen = Seen(ideal_heads(TEXT), tokens)
    scored = score_of(seen)
    roles = summarise_roles(seen, CATALOGUE, scored, decide(scored, CATALOGUE))
    for summary in roles.values():
        made = summary.as_json()
        heads, prompt = made.pop("heads"), made.pop("suggested_prompt")
        assert made == {name: getattr(summary, name) for name in made}
        assert len(made) == 9
        assert prompt is None
        for head, entry in zip(heads, summary.heads, strict=True):
            assert (head.pop("layer"), head.pop("head")) == entry.id
            assert head.pop("also") == list(entry.also)
            assert head.pop("evidence") == [
                {"query_pos": look.query_pos, "key_pos": look.key_pos, "weight": look.weight} for look in entry.evidence
            ]
            assert head.pop("state") == entry.state.value
            assert head == {name: getattr(entry, name) for name in head}
            assert set(head) == {
                "score", "weak", "is_main", "main_role", "activation_score", "chance", "excess", "threshold", "usual",
                "peak", "looking_score", "looking_chance", "look", "rests", "chances", "hits", "luck", "is_active",
                "cause",
            }  # fmt: skip
    other = summarise_other(CATALOGUE, scored).as_json()
    assert set(other) == {
        "display_name", "sentence", "status", "is_applicable", "reason", "suggested_prompt", "heads"
    }  # fmt: skip
    assert (other["display_name"], other["is_applicable"], other["reason"]) == ("Other", True, "")


def test_a_card_s_figures_are_those_of_the_catalogue_and_of_the_text():
    (entry, *_) = [head for head in summary_of(TEXT)["diffuse"].heads if head.id == HeadId(0, 5)]
    listed = next(head for head in CATALOGUE.heads_of("diffuse") if head.id == HeadId(0, 5))
    assert (entry.score, entry.weak) == (listed.score, listed.weak)
    assert entry.peak == pytest.approx(0)
    assert entry.chance is None
    assert len(summary_of(TEXT)["previous_token"].heads[0].evidence) == 12
