"""What experiments cost, in passes and rows that the model reads, and that what spares passes changes no number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.precision import PROB
from tests.test_experiments_families import DRAWS, HEADS, IDS
from tests.tiny_models import N_LAYERS, TINY_CONFIGS, readable_tiny_model
from utils.circuits import circuits, head_circuits
from utils.circuits.circuits import Circuits
from utils.experiments import logit_lens, switch_off, token_attribution
from utils.experiments.logit_lens import read_lens
from utils.experiments.questions import Method
from utils.experiments.residual_parts import final_norm_of, unembedding_of
from utils.experiments.token_attribution import FIRST_STEPS, attribute_tokens, usual_embedding
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_beside_residual, ablate_heads, capture_residual
from utils.settings import Settings


@pytest.fixture
def passes(monkeypatch) -> list[tuple[int, int]]:
    """(rows, positions of logits) of every pass of the tiny GPT-2."""
    seen: list[tuple[int, int]] = []
    model: Any = readable_tiny_model("gpt2").model
    forward = model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        seen.append(tuple(outputs.logits.shape[:2]))
        return outputs

    monkeypatch.setattr(model, "forward", counted)
    return seen


def test_heads_off_their_controls_and_what_they_write_directly_are_one_pass(passes):
    told: list[tuple[int, int]] = []
    loaded = readable_tiny_model("gpt2")
    result = switch_off.switch_off(
        loaded, IDS, HEADS, DRAWS, Method.ZERO, None, progress=lambda *done: told.append(done)
    )
    assert result.direct_kl_nats is not None
    assert passes == [(2 + len(DRAWS), 1)]
    assert told == [(4, 4)]


def test_a_text_too_long_for_one_pass_takes_more_and_has_the_same_answer(passes, monkeypatch):
    loaded = readable_tiny_model("gpt2")
    whole = switch_off.switch_off(loaded, IDS, HEADS, DRAWS, Method.ZERO, None)
    monkeypatch.setattr(switch_off, "TOKENS_AT_ONCE", 2 * len(IDS))
    told: list[tuple[int, int]] = []
    in_parts = switch_off.switch_off(loaded, IDS, HEADS, DRAWS, Method.ZERO, None, lambda *done: told.append(done))
    assert passes[1:] == [(2, 1), (2, 1)]
    assert told == [(2, 4), (4, 4)]
    assert in_parts.kl_nats == pytest.approx(whole.kl_nats, rel=1e-4)
    assert in_parts.direct_kl_nats == pytest.approx(whole.direct_kl_nats, rel=1e-4)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_stream_beside_heads_that_are_off_is_that_of_the_text_alone(model_type):
    loaded = readable_tiny_model(model_type)
    text, rows = torch.tensor(IDS), [(), HEADS, *DRAWS]
    batch = text.expand(len(rows), -1)
    logits, beside = ablate_beside_residual(loaded, batch, rows)
    alone = capture_residual(loaded, text)
    for name in ("stream", "head_values", "mlps"):
        of_both = getattr(beside, name), getattr(alone, name)
        torch.testing.assert_close(*of_both, rtol=1e-4, atol=1e-4)
    off = ablate_heads(loaded, batch, rows, only_last_logits=True).logits[:, -1]
    torch.testing.assert_close(logits, off, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="first row"):
        ablate_beside_residual(loaded, batch, [HEADS, *rows[1:]])


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_lens_in_parts_of_the_vocabulary_is_the_whole_softmax_of_every_layer(model_type, monkeypatch):
    monkeypatch.setattr(logit_lens, "FEWEST_TOKENS", 40)
    monkeypatch.setattr(logit_lens, "LOGITS_AT_ONCE", 1)
    loaded = readable_tiny_model(model_type)
    told: list[tuple[int, int]] = []
    lens = read_lens(loaded, IDS, progress=lambda *done: told.append(done))
    captured = capture_residual(loaded, torch.tensor(IDS))
    W_U, bias = unembedding_of(loaded)
    final_ids = captured.logits.argmax(-1, keepdim=True)
    for step, residual in enumerate(captured.stream):
        norm = final_norm_of(loaded, residual)
        probs = torch.softmax((norm.linear(residual) + norm.bias) @ W_U + bias, dim=-1)
        np.testing.assert_allclose(lens.probs[step], probs.topk(3).values.numpy(), rtol=0, atol=PROB)
        np.testing.assert_allclose(lens.final_probs[step], probs.gather(-1, final_ids)[:, 0], rtol=0, atol=PROB)
        assert [[token.id for token in row] for row in lens.tokens[step]] == probs.topk(3).indices.tolist()
    n_parts = -(-len(bias) // 40)
    assert told == [(done, n_parts) for done in range(1, n_parts + 1)]


def test_the_lens_is_one_pass_and_makes_no_table_of_all_logits(passes, monkeypatch):
    loaded = readable_tiny_model("gpt2")
    largest: list[int] = []
    addmm = torch.addmm
    monkeypatch.setattr(
        torch, "addmm", lambda *args: largest.append(addmm(*args).numel()) or addmm(*args), raising=True
    )
    monkeypatch.setattr(logit_lens, "FEWEST_TOKENS", 10)
    monkeypatch.setattr(logit_lens, "LOGITS_AT_ONCE", 10 * len(IDS) * (N_LAYERS + 1))
    read_lens(loaded, IDS)
    assert passes == [(1, 1)]
    assert max(largest[-10:]) <= logit_lens.LOGITS_AT_ONCE


def test_attribution_reads_its_steps_and_both_ends_once(passes):
    loaded = readable_tiny_model("gpt2")
    told: list[tuple[int, int]] = []
    result = attribute_tokens(loaded, IDS, progress=lambda *done: told.append(done))
    n_rows = sum(FIRST_STEPS * 2**doubling for doubling in range((result.n_steps // FIRST_STEPS).bit_length()))
    assert sum(rows for rows, _ in passes) == n_rows + 2
    assert {positions for _, positions in passes} == {1}
    shares = [done / n_all for done, n_all in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_the_usual_embedding_is_the_mean_however_the_vocabulary_is_cut(monkeypatch):
    loaded = readable_tiny_model("gemma3_text")
    whole = usual_embedding(loaded)
    monkeypatch.setattr(token_attribution, "VOCABULARY_PART", 7)
    torch.testing.assert_close(usual_embedding(loaded), whole)
    given = attribute_tokens(loaded, IDS, whole).contributions
    assert given == pytest.approx(attribute_tokens(loaded, IDS).contributions, abs=1e-5)


class TestCircuitsOfOneHead:
    @pytest.fixture
    def counted(self, monkeypatch) -> list[str]:
        """Which layers' weights were read, and when the vocabulary was."""
        seen: list[str] = []
        layer_weights, parts = head_circuits.layer_weights, head_circuits.vocabulary_parts

        def weights(loaded: LoadedModel, layer: int) -> Any:
            seen.append(f"layer {layer}")
            return layer_weights(loaded, layer)

        monkeypatch.setattr(head_circuits, "layer_weights", weights)
        monkeypatch.setattr(head_circuits, "vocabulary_parts", lambda loaded: seen.append("all") or parts(loaded))
        return seen

    def test_only_its_layer_is_read_and_the_vocabulary_once_for_all_heads(self, counted):
        models: Any = SimpleNamespace(get=lambda _name: readable_tiny_model("gpt2"))
        lab = Circuits(models, Settings())
        first = lab.of_head("classroom-gpt2", (1, 2))
        lab.of_head("classroom-gpt2", (2, 3))
        assert counted == ["all", "layer 1", "layer 2"]
        assert lab.of_head("classroom-gpt2", (1, 2)) is first
        assert len(counted) == 3
        lab.forget()
        assert lab.of_head("classroom-gpt2", (1, 2)) is not first
        assert counted[3:] == ["all", "layer 1"], "what may have changed is read again"

    def test_the_numbers_are_those_of_all_heads(self):
        loaded = readable_tiny_model("qwen2")
        whole = head_circuits.compute_model_circuits(loaded)
        for head in loaded.shape.all():
            one = circuits.compute_head_circuits(loaded, head, None)
            of_all = whole.of_head(head, None)
            assert one.head == head
            assert one.ov_copying_score == pytest.approx(of_all.ov_copying_score, abs=1e-5)
            np.testing.assert_allclose(one.qk_singular_values, of_all.qk_singular_values, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(one.ov_singular_values, of_all.ov_singular_values, rtol=1e-4, atol=1e-5)
