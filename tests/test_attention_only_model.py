"""The toy family, held against its own formula written out by hand."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.precision import WEIGHT, of_size
from tests.tiny_models import D_MODEL, N_HEADS, N_LAYERS, random_model

IDS = torch.tensor([[1, 5, 9, 5, 9, 7]])


@pytest.fixture(scope="module")
def model():
    return random_model("attention_only")


def pattern_by_hand(model, layer, residual):
    """One query, one key, one head at a time."""
    attention, positions = model.layers[layer].attention, model.positions.weight[: residual.shape[0]]
    queries, keys = attention.query(residual + positions), attention.key(residual + positions)
    d_head, pattern = D_MODEL // N_HEADS, torch.zeros(N_HEADS, len(residual), len(residual))
    for head in range(N_HEADS):
        own = slice(head * d_head, (head + 1) * d_head)
        for query in range(len(residual)):
            scores = torch.stack([queries[query, own] @ keys[key, own] for key in range(query + 1)]) / d_head**0.5
            pattern[head, query, : query + 1] = torch.softmax(scores, dim=0)
    return pattern


def logits_by_hand(model, ids):
    residual, patterns = model.embed.weight[ids], []
    for layer in range(N_LAYERS):
        attention, pattern = model.layers[layer].attention, pattern_by_hand(model, layer, residual)
        values = attention.value(residual).unflatten(-1, (N_HEADS, -1))  # not residual + positions
        mixed = torch.einsum("hqk,khd->qhd", pattern, values).flatten(-2)
        residual = residual + attention.output(mixed)
        patterns.append(pattern)
    return residual @ model.unembed.weight.T + model.unembed.bias, torch.stack(patterns)


def test_logits_and_patterns_are_those_of_the_formula(model):
    with torch.inference_mode():
        result = model(IDS, output_attentions=True)
        logits, patterns = logits_by_hand(model, IDS[0])
    assert torch.allclose(result.logits[0], logits, rtol=0, atol=of_size(logits))
    assert torch.allclose(torch.stack(result.attentions)[:, 0], patterns, rtol=0, atol=WEIGHT)


def test_a_head_cannot_write_positions(model):
    """With the same token everywhere all values are equal, so what a head hands on is the same at every position."""
    with torch.inference_mode():
        stream = model.embed(torch.full((1, 5), 7))
        hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)[None, None]
        written, pattern = model.layers[0].attention(stream, model.positions.weight[:5], hidden)
    assert torch.allclose(written, written[:, :1].expand_as(written), rtol=0, atol=of_size(written))
    assert (pattern[0, :, 4] - 0.2).abs().max() > 0.1, "the heads do look by position"


def test_padding_on_the_right_and_later_tokens_change_nothing(model):
    longer = torch.cat([IDS, torch.tensor([[3, 4]])], dim=1)
    mask = torch.tensor([[1] * 6 + [0] * 2])
    with torch.inference_mode():
        alone, padded = model(IDS).logits, model(longer, attention_mask=mask).logits[:, :6]
    assert torch.allclose(alone, padded, rtol=0, atol=of_size(alone))


def test_embeddings_may_be_given_in_place_of_ids(model):
    with torch.inference_mode():
        by_ids, by_embeddings = model(IDS).logits, model(inputs_embeds=model.embed(IDS)).logits
        last = model(IDS, logits_to_keep=1).logits
    assert torch.equal(by_ids, by_embeddings)
    assert torch.allclose(last, by_ids[:, -1:], rtol=0, atol=of_size(by_ids))


def test_the_loss_is_the_mean_surprise_of_each_next_token(model):
    with torch.inference_mode():
        result = model(IDS, labels=IDS)
        surprises = [-torch.log_softmax(result.logits[0, at], -1)[IDS[0, at + 1]] for at in range(5)]
    assert result.loss == pytest.approx(float(sum(surprises)) / 5, rel=1e-4)


def test_it_is_saved_and_loaded_as_any_model(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager", use_safetensors=True)
    with torch.inference_mode():
        assert torch.equal(model(IDS).logits, again(IDS).logits)
