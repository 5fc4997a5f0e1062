"""Layers that see only the last so many keys: targets, chance, evenness and rest are those of what they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Gemma3TextConfig, GPT2Config, GPTNeoConfig, MistralConfig, Qwen2Config

from tests.catalogues import catalogue_of
from tests.patterns import even_pattern, score_heads
from utils.activity import decide, decide_role
from utils.analysis import unexplained_heads
from utils.heads import HeadId
from utils.measures.reading import Reading
from utils.measures.states import State
from utils.model_config import FAMILIES
from utils.roles import ROLES, looking_roles
from utils.scoring import evidence_for, score_text

WINDOW, N = 8, 64


def even_in_window(n: int = N, window: int = WINDOW) -> np.ndarray:
    """An exactly even head of a layer that sees `window` keys, its own place among them."""
    seen = np.tril(np.ones((n, n))) * np.triu(np.ones((n, n)), k=1 - window)
    return seen / seen.sum(axis=1, keepdims=True)


def windowed(pattern: np.ndarray, ids: np.ndarray) -> Reading:
    return Reading(ids, pattern[None, None], windows=(WINDOW,))


def repeating(period: int) -> np.ndarray:
    return np.tile(np.arange(period), N // period + 1)[:N]


class TestAnEvenHead:
    def test_it_is_diffuse_to_the_full(self):
        scores = score_text(windowed(even_in_window(), np.arange(N))).roles["diffuse"]
        assert scores.score[0, 0] == pytest.approx(1.0)
        assert scores.peak[0, 0] == pytest.approx(0.0)
        blind_to_windows = score_heads(even_in_window()[None, None], np.arange(N))["diffuse"]
        assert blind_to_windows.score[0, 0] < 0.8

    def test_it_has_no_excess_for_any_job(self):
        scored = score_text(windowed(even_in_window(), repeating(5)))
        for role in looking_roles():
            assert scored.roles[role].n_rows > 0
            assert scored.roles[role].looking.excess[0, 0] == pytest.approx(0, abs=1e-9)
            assert scored.roles[role].excess[0, 0] == pytest.approx(0, abs=1e-9)

    def test_previous_token_is_at_chance(self):
        scores = score_text(windowed(even_in_window(), np.arange(N))).roles["previous_token"]
        assert scores.looking.excess[0, 0] == pytest.approx(0, abs=1e-9)


class TestEvidence:
    def test_the_first_token_is_seen_by_the_first_rows_alone(self):
        evidence = evidence_for("positional", np.arange(N), WINDOW)
        assert evidence.rows.tolist() == list(range(1, WINDOW))
        assert evidence.chance == pytest.approx([1 / (row + 1) for row in range(1, WINDOW)])

    def test_without_a_copy_in_reach_there_is_no_induction_row(self):
        assert len(evidence_for("induction", repeating(20)).rows) > 0
        assert len(evidence_for("induction", repeating(20), WINDOW).rows) == 0

    def test_only_the_copies_in_reach_are_targets(self):
        evidence = evidence_for("induction", repeating(5), WINDOW)
        for row in evidence.rows:
            (key,) = np.flatnonzero(evidence.targets[row])
            assert row - key == 4
        assert evidence.looking_chance[-1] == pytest.approx(1 / WINDOW)

    def test_a_row_that_does_not_see_the_first_token_cannot_rest(self):
        evidence = evidence_for("previous_token", np.arange(20), WINDOW)
        assert evidence.can_rest.tolist() == [row < WINDOW for row in evidence.rows]


class TestLayersThatSeeDifferentlyFar:
    IDS = repeating(20)

    def scored(self):
        """The first and third layer see 8 keys, the second all; every head spreads evenly over what it sees."""
        patterns = np.stack([even_in_window(), even_pattern(N), even_in_window()])[:, None]
        return score_text(Reading(self.IDS, patterns, windows=(WINDOW, None, WINDOW)))

    def test_each_is_judged_by_what_it_sees(self):
        scored = self.scored()
        assert scored.roles["diffuse"].score[:, 0] == pytest.approx(1.0)
        assert scored.roles["previous_token"].looking.excess[:, 0] == pytest.approx(0.0, abs=1e-9)
        induction = scored.roles["induction"]
        assert np.isnan(induction.score[[0, 2], 0]).all()
        assert induction.score[1, 0] == pytest.approx(induction.chance_of(HeadId(1, 0)))

    def test_evidence_is_that_of_a_head_s_layer(self):
        scored = self.scored()
        assert len(scored.evidence_of("induction", HeadId(0, 0)).rows) == 0
        assert len(scored.evidence_of("induction", HeadId(1, 0)).rows) > 0
        assert scored.evidence["induction"] is scored.evidence_of("induction", HeadId(1, 0))

    def test_decisions_come_for_all_layers_and_one_without_a_row_has_seen_nothing(self):
        decision = decide_role(self.scored(), "induction", None, 1)
        assert decision.state.shape == (3, 1)
        assert decision.state[0, 0] is State.NOT_SEEN
        assert decision.counts.chances[:, 0].tolist() == [0, len(self.scored().evidence["induction"].rows), 0]

    def test_a_text_that_all_layers_see_whole_is_one_part(self):
        ids = self.IDS[:WINDOW]
        patterns = np.stack([even_pattern(WINDOW)] * 2)[:, None]
        assert len(score_text(Reading(ids, patterns, windows=(WINDOW, None))).parts) == 1

    def test_with_a_catalogue_nothing_is_missing_or_not_a_number(self):
        catalogue = catalogue_of(np.stack([even_pattern(N)] * 3)[:, None], repeating(9))
        for decision in decide(self.scored(), catalogue).values():
            assert decision.state.shape == (3, 1)

    def test_what_is_out_of_sight_surprises_nobody(self):
        patterns = np.stack([even_in_window(), even_pattern(N), even_in_window()])[:, None]
        assert unexplained_heads(patterns, self.scored().evidence.values()) == ()


def config_windows(family: str, config) -> tuple[int | None, ...]:
    return FAMILIES[family].windows(config)


def test_windows_come_from_each_family_s_own_config():
    gemma = Gemma3TextConfig(
        num_hidden_layers=3, sliding_window=16, layer_types=["sliding_attention", "full_attention", "sliding_attention"]
    )
    assert config_windows("gemma3", gemma) == (16, None, 16)
    assert config_windows("mistral", MistralConfig(num_hidden_layers=2, sliding_window=32)) == (32, 32)
    assert config_windows("mistral", MistralConfig(num_hidden_layers=2, sliding_window=None)) == ()
    neo = GPTNeoConfig(num_layers=4, attention_types=[[["global", "local"], 2]], window_size=24)
    assert config_windows("gpt_neo", neo) == (None, 24, None, 24)
    assert config_windows("qwen2", Qwen2Config(num_hidden_layers=2)) == ()
    assert config_windows("gpt2", GPT2Config(n_layer=2)) == ()


@pytest.mark.parametrize("family", ["gemma3", "mistral", "gpt_neo"])
def test_a_model_sees_exactly_as_far_as_its_window_says(family):
    """Real modules with random weights: the farthest key with any attention is the one that the window allows."""
    from transformers import AutoModelForCausalLM

    small = {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2}
    deep = {
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "sliding_window": 6,
    }
    config = {
        "gemma3": lambda: Gemma3TextConfig(**small, **deep, layer_types=["sliding_attention", "full_attention"]),
        "mistral": lambda: MistralConfig(**small, **deep),
        "gpt_neo": lambda: GPTNeoConfig(
            vocab_size=50, hidden_size=16, num_heads=2, num_layers=2, attention_types=[[["local", "global"], 1]],
            window_size=6,
        ),
    }[family]()  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        attentions = model(ids, output_attentions=True, use_cache=False).attentions
    for layer, window in enumerate(FAMILIES[family].windows(config)):
        reach = [int((row > 0).nonzero()[0]) for row in attentions[layer][0, 0]]
        assert reach == [max(0, query + 1 - (window or 20)) for query in range(20)]


def test_every_role_takes_a_window():
    for role in ROLES.values():
        assert role.measure.evidence(np.arange(12), 4).window == 4
