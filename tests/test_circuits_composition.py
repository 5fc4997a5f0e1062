"""Composition scores from small products are those of the whole d_model x d_model matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.precision import RATIO
from tests.tiny_models import tiny_model
from utils.circuits.baseline import random_fit
from utils.circuits.composition import Composition, compute_composition
from utils.circuits.spectra import effective_rank
from utils.circuits.weights import HeadWeights, model_weights
from utils.heads import Shape

N_LAYERS, N_HEADS, D_MODEL, D_HEAD = 3, 2, 16, 4
SHAPE = Shape(N_LAYERS, N_HEADS)
N = SHAPE.n_all


def random_heads(scale: float = 1.0, count: int = N, d_model: int = D_MODEL, d_head: int = D_HEAD) -> HeadWeights:
    """Heads whose matrices are all different and none of them symmetric."""
    generator = torch.Generator().manual_seed(0)
    W_Q, W_K, W_V = scale * torch.randn(3, count, d_model, d_head, generator=generator)
    W_O = scale * torch.randn(count, d_head, d_model, generator=generator)
    return HeadWeights(W_Q, W_K, W_V, W_O, *torch.zeros(3, count, d_head), score_scale=0.5)


def dense_score(kind: str, heads: HeadWeights, writer: int, reader: int) -> tuple[float, float]:
    """Score and breadth by the definition, in full matrices and double precision."""
    W_Q, W_K, W_V, W_O = (weight.double() for weight in (heads.W_Q, heads.W_K, heads.W_V, heads.W_O))
    W_A = W_V[writer] @ W_O[writer]
    W_QK = W_Q[reader] @ W_K[reader].T
    W_B = {"Q": W_QK, "K": W_QK.T, "V": W_V[reader] @ W_O[reader]}[kind]
    product = W_A @ W_B
    score = torch.linalg.norm(product) / (torch.linalg.norm(W_A) * torch.linalg.norm(W_B))
    return float(score), float(effective_rank(torch.linalg.svdvals(product)))


@pytest.mark.parametrize("scale", [1, 1e-7, 1e5])
@pytest.mark.parametrize("kind", ["Q", "K", "V"])
def test_scores_and_breadths_are_those_of_the_dense_products(kind, scale):
    heads = random_heads(scale)
    composition = compute_composition(heads, SHAPE, kind)
    for writer in range(N):
        for reader in range(N):
            if writer // N_HEADS < reader // N_HEADS:
                score, breadth = dense_score(kind, random_heads(), writer, reader)
                assert composition.scores[writer, reader] == pytest.approx(score, rel=1e-4)
                assert composition.breadth[writer, reader] == pytest.approx(breadth, rel=1e-4)
            else:
                assert np.isnan(composition.scores[writer, reader])
                assert np.isnan(composition.breadth[writer, reader])


def test_the_three_kinds_differ():
    scores = [compute_composition(random_heads(), SHAPE, kind).scores[0, 3] for kind in "QKV"]
    assert len({round(float(score), 4) for score in scores}) == 3


@pytest.mark.parametrize("model_type", ["gpt2", "qwen3", "bloom", "attention_only"])
def test_a_model_s_own_heads_agree_with_the_dense_products(model_type):
    heads = model_weights(tiny_model(model_type))
    composition = compute_composition(heads, Shape(3, 4), "K")
    for writer, reader in [(0, 4), (3, 11), (7, 8)]:
        score, breadth = dense_score("K", heads, writer, reader)
        assert composition.scores[writer, reader] == pytest.approx(score, rel=1e-4)
        assert composition.breadth[writer, reader] == pytest.approx(breadth, rel=1e-3)


def one_pair(read: list[int], written: list[int]) -> Composition:
    """A head that writes some axes of the stream and a later one that finds its keys by some, all equally strongly."""
    axes = torch.eye(D_MODEL)
    W_O = torch.stack([axes[written], axes[[12, 13]]])
    W_K = torch.stack([axes[[14, 15]].T, axes[read].T])
    plain = torch.stack([axes[[0, 1]].T] * 2)
    return compute_composition(
        HeadWeights(plain, W_K, plain, W_O, *torch.zeros(3, 2, 2), score_scale=1), Shape(2, 1), "K"
    )


def test_a_reader_of_just_what_is_written_fits_and_one_of_something_else_does_not():
    fit = one_pair(read=[4, 5], written=[4, 5]).fit((0, 0), (1, 0))
    assert fit.score == pytest.approx(1 / np.sqrt(2), rel=RATIO)  # the most that two equal directions can give
    assert fit.breadth == pytest.approx(2, rel=RATIO)
    assert one_pair(read=[4, 5], written=[5, 6]).fit((0, 0), (1, 0)).breadth == pytest.approx(1, rel=RATIO)
    apart = one_pair(read=[4, 5], written=[6, 7]).fit((0, 0), (1, 0))
    assert (apart.score, apart.breadth) == (0, 0)


def test_random_heads_of_gpt2_s_size_fit_as_is_known():
    random = random_fit(768, 64)
    assert random.mean == pytest.approx(0.0361, abs=5e-5)
    assert random.spread == pytest.approx(0.0005, abs=1e-4)
    assert random.breadth == pytest.approx(28, abs=0.5)


@pytest.mark.parametrize(("d_model", "d_head"), [(256, 32), (192, 32), (64, 64)])
def test_random_heads_fit_by_one_over_the_root_of_d_model(d_model, d_head):
    assert random_fit(d_model, d_head).mean == pytest.approx(d_model**-0.5, rel=0.02)


def test_the_random_fit_is_drawn_once_and_always_the_same():
    first = random_fit(48, 8)
    assert random_fit(48, 8) is first
    random_fit.cache_clear()
    assert random_fit(48, 8) == first


def test_random_heads_are_one_multiple_of_random():
    composition = compute_composition(random_heads(count=20, d_model=64, d_head=16), Shape(2, 10), "Q")
    multiples = [composition.multiple((0, writer), (1, reader)) for writer in range(10) for reader in range(10)]
    assert np.mean(multiples) == pytest.approx(1, abs=0.02)
    assert np.nanmean(composition.breadth) == pytest.approx(composition.random_breadth, rel=0.05)


def by_hand() -> Composition:
    """Two layers of two heads; only L0H1 into L1H0 is broad and strong, L0H0 into L1H0 is strong and narrow."""
    scores, breadth = np.full((2, 4, 4), np.nan)
    scores[:2, 2:] = [[0.8, 0.1], [0.6, 0.3]]
    breadth[:2, 2:] = [[1, 5], [9, 4]]
    return Composition("K", 2, 2, scores, 0.2, 0.01, breadth, random_breadth=6, broad_from=4)


def test_the_best_pairs_go_by_score_and_tell_their_breadth():
    composition = by_hand()
    assert composition.n_pairs == 4
    assert [(str(fit.writer), str(fit.reader), fit.breadth) for fit in composition.best(9)] == [
        ("L0H0", "L1H0", 1),
        ("L0H1", "L1H0", 9),
        ("L0H1", "L1H1", 4),
        ("L0H0", "L1H1", 5),
    ]
    assert composition.best(1)[0].multiple == pytest.approx(4)


def test_a_writer_s_place_is_among_all_earlier_heads():
    composition = by_hand()
    assert composition.rank_of((0, 0), (1, 0)) == (1, 2)
    assert composition.rank_of((0, 1), (1, 0)) == (2, 2)
    assert composition.multiple((0, 1), (1, 1)) == pytest.approx(1.5)
    assert np.isnan(composition.multiple((1, 0), (0, 1)))
    with pytest.raises(ValueError, match="L1H0 is not in an earlier layer than L1H1"):
        composition.rank_of((1, 0), (1, 1))
    with pytest.raises(IndexError, match="2 x 2 heads has no L2H0"):
        composition.multiple((2, 0), (1, 1))


def test_a_model_of_one_layer_has_no_pairs():
    heads = random_heads()
    composition = compute_composition(heads, Shape(1, N), "V")
    assert composition.n_pairs == 0
    assert np.isnan(composition.scores).all()
    assert composition.best(5) == []


def test_progress_ends_at_all_pairs():
    told = []
    compute_composition(random_heads(), SHAPE, "Q", lambda done, total: told.append((done, total)))
    assert told == [(0, 12), (4, 12), (8, 12), (12, 12)]


def test_results_cannot_be_changed_and_another_kind_is_an_error():
    composition = compute_composition(random_heads(), SHAPE, "Q")
    with pytest.raises(ValueError, match="read-only"):
        composition.scores[0, 0] = 1
    with pytest.raises(ValueError, match="one of Q, K, V, not 'qk'"):
        compute_composition(random_heads(), SHAPE, "qk")


def test_json_has_null_where_no_head_is_earlier():
    body = compute_composition(random_heads(), SHAPE, "Q").as_json()
    assert body["scores"][0][0] is None
    assert body["scores"][4][1] is None
    assert 0 < body["scores"][0][5] < 1
