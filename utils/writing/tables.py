"""What is computed once for a model: from a head's value straight to the logits of the words that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from utils.circuits.embeddings import final_norm_unscaled
from utils.circuits.weights import output_weights
from utils.errors import UserError
from utils.experiments.residual_parts import unembedding_of
from utils.models.loader import LoadedModel
from utils.writing.word_tokens import WordTokens, word_tokens


@dataclass(frozen=True, eq=False)
class WritingTables:
    """One model.

    words: the tested words. to_logits: P = W_O W_U[columns], [layer, head, d_head, column], gains folded in, each
    column above the vocabulary's mean. mean_values: [layer, value_head, d_head], every head's own mean over the tested
    words. mean_column: [d_model], the vocabulary's mean of W_U.
    """

    words: WordTokens
    to_logits: torch.Tensor
    mean_values: torch.Tensor
    mean_column: torch.Tensor


def writing_tables(
    loaded: LoadedModel, mean_values: np.ndarray | None = None, words: WordTokens | None = None
) -> WritingTables:
    """The tables of a model whose writing can be told.

    Args: mean_values: from the catalogue, zeros without. Raises: UserError for some of another shape.
    """
    words = words or word_tokens(loaded.tokenizer)
    with torch.inference_mode():
        W_U, _ = unembedding_of(loaded)
        mean = W_U.mean(dim=1)
        columns = unembedding_columns(loaded, words.columns, W_U, mean)
        outputs = [output_weights(loaded, layer) for layer in range(loaded.n_layers)]
        to_logits = torch.stack([each @ columns for each in outputs])
    n_values, d_head = loaded.family.n_kv_heads(loaded.config), outputs[0].shape[1]
    shape = (loaded.n_layers, n_values, d_head)
    if mean_values is not None and mean_values.shape != shape:
        raise UserError(
            "The catalogue’s figures of what heads write are not of this model’s shape.", "Analyze the model again."
        )
    means = torch.zeros(shape) if mean_values is None else torch.from_numpy(mean_values).float()
    return WritingTables(words, to_logits.clone(), means, mean.clone())


def unembedding_columns(loaded: LoadedModel, ids: Sequence[int], W_U: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """W_U of some tokens above the vocabulary's mean, with the final norm's gain: [d_model, token]."""
    gain = final_norm_unscaled(loaded, len(W_U)).gain[:, None]
    return gain * (W_U[:, list(ids)] - mean[:, None])
