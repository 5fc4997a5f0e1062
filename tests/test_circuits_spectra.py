"""What is computed from the factors of a circuit is what its whole matrix has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.precision import RATIO, of_size
from tests.tiny_models import TINY_CONFIGS, tiny_model
from utils.circuits.embeddings import VOCABULARY_PART, embed, vocabulary_parts
from utils.circuits.head_circuits import compute_model_circuits, copying_through_embedding
from utils.circuits.positions import position_embeddings
from utils.circuits.spectra import (
    copying_score,
    copying_score_through,
    effective_rank,
    singular_values,
    vocabulary_product,
)
from utils.circuits.weights import layer_weights
from utils.errors import UserError
from utils.experiments.residual_parts import final_norm_of, unembedding_of
from utils.heads import HeadId
from utils.model_config import FAMILIES, Positions

D_MODEL, D_HEAD, VOCABULARY = 12, 4, 9


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_singular_values_are_those_of_the_whole_product():
    left, right = drawn(3, D_MODEL, D_HEAD), drawn(3, D_HEAD, D_MODEL, seed=1)
    whole = torch.linalg.svdvals((left @ right).double())
    computed = singular_values(left, right)
    assert computed.shape == (3, D_HEAD)
    torch.testing.assert_close(computed.double(), whole[:, :D_HEAD], atol=of_size(whole), rtol=0)


def test_singular_values_where_a_head_is_wider_than_the_model():
    left, right = drawn(D_HEAD, D_MODEL), drawn(D_MODEL, D_HEAD, seed=1)
    whole = torch.linalg.svdvals(left @ right)
    torch.testing.assert_close(singular_values(left, right), whole, atol=of_size(whole), rtol=0)


@pytest.mark.parametrize(
    ("values", "rank"),
    [([1, 1, 1, 1], 4), ([5, 0, 0, 0], 1), ([2, 1], 25 / 17), ([3e-9, 3e-9, 0], 2), ([4e9, 4e9, 4e9], 3), ([0, 0], 0)],
)
def test_effective_rank_is_the_participation_ratio_of_the_squares(values, rank):
    assert float(effective_rank(torch.tensor(values, dtype=torch.float32))) == pytest.approx(rank, rel=1e-6)


def test_copying_score_of_the_small_matrix_is_that_of_the_whole_circuit():
    W_V, W_O = drawn(D_MODEL, D_HEAD), drawn(D_HEAD, D_MODEL, seed=1)
    eigenvalues = np.linalg.eigvals((W_V @ W_O).double().numpy())
    whole = eigenvalues.sum().real / np.abs(eigenvalues).sum()
    assert float(copying_score(W_O @ W_V)) == pytest.approx(whole, abs=RATIO)


@pytest.mark.parametrize(
    ("small", "score"),
    [
        ([[2.0, 0], [0, 1]], 1),
        ([[-2.0, 0], [0, -1]], -1),
        ([[0.0, -1], [1, 0]], 0),  # a quarter turn: eigenvalues i and -i
        ([[3.0, 0], [0, -1]], 0.5),
        ([[0.0, 0], [0, 0]], 0),
    ],
)
def test_copying_scores_that_can_be_told_by_hand(small, score):
    assert float(copying_score(torch.tensor(small))) == pytest.approx(score, abs=RATIO)


def test_copying_score_through_the_embedding_is_that_of_tokens_to_logits():
    W_V, W_O = drawn(D_MODEL, D_HEAD), drawn(D_HEAD, D_MODEL, seed=1)
    W_E, W_U = drawn(VOCABULARY, D_MODEL, seed=2), drawn(D_MODEL, VOCABULARY, seed=3)
    eigenvalues = np.linalg.eigvals((W_E @ W_V @ W_O @ W_U).double().numpy())
    whole = eigenvalues.sum().real / np.abs(eigenvalues).sum()
    parts = [(W_E[:5], W_U[:, :5]), (W_E[5:], W_U[:, 5:])]
    assert copying_score_through(W_V, W_O, vocabulary_product(parts)) == pytest.approx(whole, abs=RATIO)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_of_every_family_the_score_through_the_embedding_is_that_of_the_whole_matrix(model_type, monkeypatch):
    """The matrix vocabulary x vocabulary, from the model's own parts: final norm with its scale held at 1."""
    loaded = tiny_model(model_type)
    monkeypatch.setattr("utils.circuits.embeddings.VOCABULARY_PART", 10)
    heads = layer_weights(loaded, 1)
    norm = final_norm_of(loaded, torch.ones(heads.d_model))
    W_E = embed(loaded, torch.arange(97))
    written = W_E @ heads.W_V[2] @ heads.W_O[2]
    logits = norm.linear(written) / norm.scale @ unembedding_of(loaded)[0]
    eigenvalues = np.linalg.eigvals((logits - logits.mean(1, keepdim=True)).double().numpy())
    whole = eigenvalues.sum().real / np.abs(eigenvalues).sum()
    assert copying_through_embedding(loaded, HeadId(1, 2)) == pytest.approx(whole, abs=2e-3)


def test_the_vocabulary_comes_in_parts_that_fit_in_memory():
    assert VOCABULARY_PART * 4096 * 4 <= 2**27
    ((W_E, W_U),) = vocabulary_parts(tiny_model("bloom"))
    assert W_E.shape == (97, 32)
    assert W_U.shape == (32, 97)
    assert W_U.mean(1).abs().max() < of_size(W_U)


def test_a_stream_without_a_final_norm_has_no_score_through_the_embedding():
    loaded = tiny_model("opt")
    loaded.config.do_layer_norm_before = False
    assert copying_through_embedding(loaded, HeadId(0, 0)) is None


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_every_family_has_circuits_of_every_head(model_type):
    loaded = tiny_model(model_type)
    circuits = compute_model_circuits(loaded)
    d_head = loaded.family.d_head(loaded.config)
    assert circuits.copying_scores.shape == (3, 4)
    assert np.abs(circuits.copying_scores).max() <= 1
    for values in (circuits.qk_singular_values, circuits.ov_singular_values):
        assert values.shape == (3, 4, d_head)
        assert (np.diff(values) <= 0).all()
    head = circuits.of_head(HeadId(2, 3), through_embedding=0.5)
    assert 1 <= head.qk_effective_rank <= d_head
    assert head.ov_copying_score == pytest.approx(circuits.copying_scores[2, 3])
    has_kernel = loaded.family.positions in (Positions.LEARNED, Positions.SHORTFORMER)
    assert (head.positional_kernel is not None) == has_kernel


@pytest.mark.parametrize("model_type", ["gpt2", "gpt_neo", "opt", "attention_only"])
def test_the_kernel_is_the_mean_score_at_each_distance(model_type):
    """Against every pair of positions, one by one."""
    loaded = tiny_model(model_type)
    kernel = compute_model_circuits(loaded).positional_kernels[1, 2]
    embeddings = position_embeddings(loaded)
    assert len(embeddings) == 64
    if model_type == "opt":
        assert torch.equal(embeddings, loaded.model.model.decoder.embed_positions.weight[2:])
    block = {"gpt2": "transformer.h.1.ln_1", "gpt_neo": "transformer.h.1.ln_1"}
    path = block.get(model_type, "model.decoder.layers.1.self_attn_layer_norm")
    heads = layer_weights(loaded, 1)
    if model_type != "attention_only":
        norm = loaded.model.get_submodule(path)
        embeddings = embeddings - embeddings.mean(1, keepdim=True)
        embeddings = embeddings / (embeddings.pow(2).mean(1, keepdim=True) + norm.eps).sqrt()
    queries = embeddings @ heads.W_Q[2] + heads.query_bias[2]
    keys = embeddings @ heads.W_K[2] + heads.key_bias[2]
    scores = (heads.score_scale * queries @ keys.T).detach().numpy()
    by_distance = np.array([np.mean([scores[q, q - d] for q in range(31, 64)]) for d in range(32)])
    np.testing.assert_allclose(kernel, by_distance - by_distance.mean(), atol=of_size(scores))


def test_positions_that_are_not_where_the_family_says_are_a_sentence_and_turned_ones_are_not_looked_for():
    loaded = tiny_model("llama")
    turned = replace(loaded.family, position_embedding_path="transformer.wpe")
    assert position_embeddings(replace(loaded, family=turned)) is None
    learned = replace(turned, positions=Positions.LEARNED)
    with pytest.raises(UserError, match=r"no position embeddings at transformer\.wpe"):
        position_embeddings(replace(loaded, family=learned))


def test_every_family_with_learned_positions_has_them_where_the_kernel_looks():
    learned = {
        key for key, family in FAMILIES.items() if family.positions in (Positions.LEARNED, Positions.SHORTFORMER)
    }
    assert learned == {"gpt2", "gpt_neo", "opt", "attention_only"}
