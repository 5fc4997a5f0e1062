"""What tokens bring into a model before the first block, and how the last norm and the unembedding read it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from utils.circuits.weights import unscaled_norm
from utils.experiments.frozen_norm import FrozenNorm
from utils.experiments.residual_parts import find_module, unembedding_of
from utils.models.loader import LoadedModel

VOCABULARY_PART = 8192


def embed(loaded: LoadedModel, ids: torch.Tensor) -> torch.Tensor:
    """The stream before the first block without positions, [..., d_model]: Gemma's factor and BLOOM's norm included."""
    with torch.inference_mode():
        embedded = find_module(loaded.model, loaded.family.embedding_path)(ids).float()
        if loaded.family.embedding_norm_path is not None:
            embedded = find_module(loaded.model, loaded.family.embedding_norm_path)(embedded)
    return embedded.clone()


def are_tied(loaded: LoadedModel) -> bool:
    """Whether the embedding is the unembedding, one table for both."""
    return bool(getattr(loaded.model.config.get_text_config(), "tie_word_embeddings", False))


def final_norm_unscaled(loaded: LoadedModel, d_model: int) -> FrozenNorm:
    """The final norm without its scale."""
    return unscaled_norm(find_module(loaded.model, loaded.family.final_norm_path), loaded.family.norm, d_model)


def vocabulary_parts(loaded: LoadedModel) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """W_E [part, d_model] and W_U [d_model, part] of some thousand tokens at a time.

    The gain of the final norm is folded into W_U, and its mean over the vocabulary taken away, since adding the same to
    all logits changes nothing. Centring over d_model is left to the weights of the heads.
    """
    W_U, _ = unembedding_of(loaded)
    gain, mean = final_norm_unscaled(loaded, len(W_U)).gain[:, None], W_U.mean(dim=1, keepdim=True)
    for ids in torch.arange(W_U.shape[1]).split(VOCABULARY_PART):
        yield embed(loaded, ids), gain * (W_U[:, ids] - mean)
