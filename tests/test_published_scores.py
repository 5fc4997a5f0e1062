"""Our scoring function gives GPT-2's published scores on sequences made in the publisher's own way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from utils.heads import HeadId
from utils.literature import published_scores
from utils.measures.reading import Reading
from utils.model_config import MODELS
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, load_model_from
from utils.pyvene_engine import capture_patterns
from utils.scoring import ScorePool
from utils.settings import Settings

ROLES = ("previous_token", "duplicate_token", "induction")
LARGEST_DIFFERENCE = 0.05


def published_sequences() -> torch.Tensor:
    """Two sequences of 100 random token ids, each said twice, without a start mark: [2, 200]."""
    torch.manual_seed(0)
    once = torch.randint(100, 20_000, (2, 100))
    return once.repeat(1, 2)


@pytest.fixture(scope="module")
def gpt2() -> LoadedModel:
    """GPT-2 small, where its weights are on this computer."""
    folder = local_model_dir("gpt2", Settings.from_environment())
    if folder is None:
        pytest.skip(
            f"the weights of {MODELS['gpt2'].display_name} ARE NOT HERE: published scores were NOT computed again"
        )
    return load_model_from(folder, "gpt2")


@pytest.fixture(scope="module")
def computed(gpt2) -> dict[str, np.ndarray]:
    """Our scores of every head on the published sequences, by role."""
    ids = published_sequences()
    patterns = capture_patterns(gpt2, ids, only_last_logits=True).patterns.numpy()
    pool = ScorePool(ROLES)
    for row, pattern in enumerate(patterns):
        pool.add(Reading(ids[row].numpy(), pattern))
    return {role: scores.score for role, scores in pool.result().items()}


@pytest.mark.needs_weights
@pytest.mark.parametrize("role", ROLES)
def test_every_head_of_gpt2_scores_as_published(computed, role):
    difference = np.abs(computed[role] - published_scores("gpt2")[role])
    worst = HeadId(*np.unravel_index(int(difference.argmax()), difference.shape))
    assert difference.max() <= LARGEST_DIFFERENCE, f"{worst}: {difference.max():.3f} apart"


def test_the_published_sequences_are_random_tokens_said_twice():
    ids = published_sequences()
    assert ids.shape == (2, 200)
    assert torch.equal(ids[:, :100], ids[:, 100:])
    assert ids.min() >= 100
    assert ids.max() < 20_000
    assert not torch.equal(ids[0], ids[1])


def test_our_scores_are_the_published_mean_over_one_diagonal_but_for_the_ambiguous_rows():
    """On one head with random logits: the publisher takes the mean weight on a diagonal, we that on evidence rows."""
    ids = published_sequences()[0].numpy()
    logits = np.random.default_rng(0).normal(size=(1, 1, 200, 200)) * 3
    weights = np.exp(logits) * np.tril(np.ones((200, 200)))
    pattern = weights / weights.sum(axis=-1, keepdims=True)
    pool = ScorePool(ROLES)
    pool.add(Reading(ids, pattern))
    for role, offset in (("previous_token", 1), ("duplicate_token", 100), ("induction", 99)):
        diagonal = pattern[0, 0].diagonal(-offset).mean()
        assert pool.result()[role].score[0, 0] == pytest.approx(diagonal, abs=LARGEST_DIFFERENCE / 5)
