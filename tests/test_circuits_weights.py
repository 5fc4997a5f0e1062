"""The folded weights of every family are the model's own: they give its patterns, and what its heads write."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.precision import WEIGHT, of_size
from tests.tiny_models import D_MODEL, N_HEADS, N_LAYERS, TINY_CONFIGS, tiny_model
from utils.circuits.weights import as_read, layer_weights, model_weights, norm_note
from utils.errors import UserError
from utils.experiments.residual_parts import find_module, split_residual
from utils.model_config import FAMILIES, Norm, Positions
from utils.models.loader import LoadedModel

IDS = [5, 17, 3, 42, 9]  # as many as the smallest attention window of the tiny models
KEYS_SHARED = ("llama", "qwen2", "qwen3", "gemma3_text", "mistral", "phi")


def strong_model(model_type: str) -> LoadedModel:
    """A tiny model whose norms have gains around 1, so that its patterns are far from even."""
    loaded = tiny_model(model_type)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if weight.dim() == 1 and name.endswith("weight"):
                weight.add_(1)
    return loaded


def watch(loaded: LoadedModel, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a block reads [position, d_model] and its patterns [head, query, key], all tokens at relative offset 0.

    Rotary models get the same position for every token, so that nothing is turned; others their usual ones.
    """
    seen = {}
    block = find_module(loaded.model, loaded.family.block_path, layer)
    attention = find_module(loaded.model, loaded.family.attention_path, layer)
    hooks = [
        block.register_forward_pre_hook(
            lambda _, args, kwargs: seen.update(stream=_first(args, kwargs)), with_kwargs=True
        ),
        attention.register_forward_hook(lambda _, __, output: seen.update(pattern=output[1])),
    ]
    options = {}
    if loaded.family.positions is Positions.ROTARY:
        options = {"position_ids": torch.zeros(1, len(IDS), dtype=torch.long)}
    ids = torch.tensor([IDS])
    with torch.no_grad():
        loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids), **options)
    for hook in hooks:
        hook.remove()
    return seen["stream"][0].float(), seen["pattern"][0].float()


def _first(args, kwargs):
    return args[0] if args else kwargs["hidden_states"]


def own_norm_scale(attention, name: str, plus_one: bool, folded: torch.Tensor) -> torch.Tensor:
    """The scale that a norm of queries or keys gives each token; 1 where there is none. Args: folded: with its gain."""
    norm = getattr(attention, name, None)
    if norm is None:
        return torch.ones(1)
    gain = norm.weight.detach() + (1 if plus_one else 0)
    eps = norm.eps if hasattr(norm, "eps") else norm.variance_epsilon
    return torch.rsqrt((folded / gain).pow(2).mean(-1, keepdim=True) + eps)


def alibi_slopes(n_heads: int) -> torch.Tensor:
    return torch.tensor([2 ** (-8 * (head + 1) / n_heads) for head in range(n_heads)])


@pytest.mark.parametrize("layer", [0, 2])
@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_folded_qk_circuit_gives_the_patterns_of_the_model(model_type, layer):
    loaded = strong_model(model_type)
    stream, pattern = watch(loaded, layer)
    heads = layer_weights(loaded, layer)
    read = as_read(loaded, layer, stream)
    if loaded.family.positions is Positions.SHORTFORMER:
        read = read + loaded.model.positions.weight.detach()[: len(IDS)]
    queries = read @ heads.W_Q + heads.query_bias[:, None]
    keys = read @ heads.W_K + heads.key_bias[:, None]
    attention = find_module(loaded.model, loaded.family.attention_path, layer)
    plus_one = loaded.family.norm is Norm.RMS_PLUS_ONE
    queries = queries * own_norm_scale(attention, "q_norm", plus_one, queries)
    keys = keys * own_norm_scale(attention, "k_norm", plus_one, keys)
    scores = heads.score_scale * queries @ keys.mT
    if loaded.family.positions is Positions.ALIBI:
        scores = scores + alibi_slopes(N_HEADS)[:, None, None] * torch.arange(len(IDS))
    hidden = torch.ones(len(IDS), len(IDS), dtype=torch.bool).triu(1)
    computed = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    assert (pattern[:, -1].max(-1).values > 0.3).any(), "patterns that are nearly even would prove nothing"
    torch.testing.assert_close(computed, pattern, atol=WEIGHT, rtol=0)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_folded_ov_circuit_writes_what_the_head_writes(model_type):
    loaded = tiny_model(model_type)
    parts = split_residual(loaded, IDS)
    for layer in range(N_LAYERS):
        stream, pattern = _as_usual(loaded, layer)
        heads = layer_weights(loaded, layer)
        values = as_read(loaded, layer, stream) @ heads.W_V + heads.value_bias[:, None]
        written = (pattern[:, -1:] @ values @ heads.W_O)[:, 0]
        expected = parts.heads[layer]
        if loaded.family.norm is Norm.LAYER:
            expected = expected - expected.mean(-1, keepdim=True)
        if loaded.family.attention_norm_path is not None:
            written = written * parts.attention[layer].norm.scale
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(written, expected, atol=of_size(expected), rtol=0)


def _as_usual(loaded: LoadedModel, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a block reads and its patterns, tokens where they stand."""
    usual = replace(loaded, family=replace(loaded.family, positions=Positions.LEARNED))
    return watch(usual, layer)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_weights_are_centred_where_the_norm_takes_the_mean_away_and_nowhere_else(model_type):
    loaded = tiny_model(model_type)
    heads = layer_weights(loaded, 1)
    is_centred = loaded.family.norm is Norm.LAYER
    for weight in (heads.W_Q.sum(1), heads.W_K.sum(1), heads.W_V.sum(1), heads.W_O.sum(2)):
        assert (weight.abs().max() < 1e-4) == is_centred


@pytest.mark.parametrize("model_type", KEYS_SHARED)
def test_heads_of_a_group_share_keys_and_values_but_not_queries(model_type):
    heads = layer_weights(tiny_model(model_type), 0)
    for shared in (heads.W_K, heads.W_V):
        assert torch.equal(shared[0], shared[1])
        assert not torch.equal(shared[1], shared[2])
    assert not torch.equal(heads.W_Q[0], heads.W_Q[1])
    assert "Every 2 neighbouring heads share" in norm_note(tiny_model(model_type))


def test_all_heads_stand_layer_after_layer():
    loaded = tiny_model("bloom")
    heads = model_weights(loaded)
    assert heads.W_Q.shape == (N_LAYERS * N_HEADS, D_MODEL, 8)
    assert torch.equal(heads.W_O[N_HEADS + 2], layer_weights(loaded, 1).W_O[2])


def test_without_a_norm_nothing_is_folded():
    loaded = tiny_model("attention_only")
    heads, attention = layer_weights(loaded, 0), loaded.model.layers[0].attention
    assert torch.equal(heads.W_K[1], attention.key.weight[8:16].T)
    assert torch.equal(heads.W_O[1], attention.output.weight[:, 8:16].T)
    assert norm_note(loaded) == "No norm stands before the attention, so nothing is folded in."


def test_a_model_that_norms_after_it_adds_has_nothing_folded_in():
    loaded = tiny_model("opt")
    loaded.config.do_layer_norm_before = False
    heads, attention = layer_weights(loaded, 0), loaded.model.model.decoder.layers[0].self_attn
    assert torch.equal(heads.W_V[1], attention.v_proj.weight[8:16].T)
    assert torch.equal(heads.W_O[1], attention.out_proj.weight[:, 8:16].T)
    assert norm_note(loaded).startswith("No norm stands before")


def test_every_family_has_a_note_on_its_norms():
    notes = {model_type: norm_note(tiny_model(model_type)) for model_type in TINY_CONFIGS}
    assert len(notes) == len(FAMILIES)
    assert "all weights are centred" in notes["gpt2"]
    assert "centred" not in notes["llama"]
    assert "norms of queries and keys" in notes["qwen3"]
    assert "norm after the attention" in notes["gemma3_text"]


@pytest.mark.parametrize("like", ["llama", "gpt_neox", "gpt2"])
def test_attention_weights_of_another_layout_are_refused_in_a_sentence(like):
    loaded = tiny_model("opt")
    unlike = replace(FAMILIES[like], attention_path=loaded.family.attention_path, block_path=loaded.family.block_path)
    with pytest.raises(UserError, match="how this model arranges its attention weights"):
        layer_weights(replace(loaded, family=unlike), 0)


def test_a_family_that_does_not_say_where_its_weights_stand_is_refused_and_not_taken_for_another():
    loaded = tiny_model("llama")
    silent = replace(loaded, family=replace(loaded.family, attention_layout=None))
    with pytest.raises(UserError, match="does not know how this model arranges its attention weights"):
        layer_weights(silent, 0)


def test_every_family_says_where_its_weights_stand_and_its_learned_positions():
    for family in FAMILIES.values():
        assert family.attention_layout is not None, family.key
        is_learned = family.positions in (Positions.LEARNED, Positions.SHORTFORMER)
        assert (family.position_embedding_path is not None) == is_learned, family.key
