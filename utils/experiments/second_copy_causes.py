"""What every head of a model is good for on the second copy of a text: how much dearer that copy is without it.

Random tokens said twice, as `second_copy.py` makes them. A head counts as off when what it hands to the output
projection is, at every position but the first, its mean over all those texts and positions; at position 0 it keeps its
own. A mean per position would leave a head all that it says about places: in texts of one length the copy begins at
the same place, and a head that looks back by a fixed distance needs no token to find it.

One head at a time is off, so heads that stand in for each other look unimportant, and random text is not language: a
head that matters here matters for repeating.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from utils.catalogue.inputs import plain_token_ids
from utils.experiments.rerun import FirstReading, read_again, read_first, with_own_first
from utils.experiments.residual_parts import find_module
from utils.experiments.second_copy import SHORTEST_SEGMENT, random_segments, said_twice, token_losses
from utils.heads import HeadId
from utils.models.loader import LoadedModel

N_SEQUENCES = 8
N_TOKENS = 25  # of one copy
LOGITS_BYTES = 160 * 2**20  # of one reading; with Gemma's vocabulary six texts of 25 tokens

AfterHead = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class SecondCopyCauses:
    """For every head the rise of the loss on the second copy, in nats per token, when it is off.

    Args: rise: [layer, head], the mean over the texts; negative where the model does better without the head.
    standard_error: [layer, head], of that mean. n_tokens: of one copy.
    """

    rise: np.ndarray
    standard_error: np.ndarray
    n_sequences: int
    n_tokens: int


def cause_segments(
    loaded: LoadedModel, seed: int, n_sequences: int = N_SEQUENCES, n_tokens: int = N_TOKENS
) -> np.ndarray | None:
    """Random segments for `measure_causes`, [text, position], as long as the model reads them twice.

    None for a model that cannot read two tokens twice.
    """
    room = loaded.max_positions or len(loaded.start_ids) + 2 * n_tokens
    longest = min(n_tokens, (room - len(loaded.start_ids)) // 2, len(plain_token_ids(loaded.tokenizer)))
    return random_segments(loaded, n_sequences, longest, seed) if longest >= SHORTEST_SEGMENT else None


def measure_causes(
    loaded: LoadedModel, segments: np.ndarray, after_head: AfterHead = lambda _work: None
) -> SecondCopyCauses:
    """Every head of the model off, one at a time. Args: as `rises_without`."""
    rises = rises_without(loaded, segments, loaded.shape.all(), after_head)
    each = rises.reshape(*loaded.shape.as_tuple, len(segments))
    error = each.std(axis=-1, ddof=1) / np.sqrt(len(segments))
    return SecondCopyCauses(each.mean(axis=-1), error, *segments.shape)


def rises_without(
    loaded: LoadedModel, segments: np.ndarray, heads: Sequence[HeadId], after_head: AfterHead = lambda _work: None
) -> np.ndarray:
    """By how much the second copy of each text gets dearer without each of these heads, [head, text].

    Args: segments: at least two texts of two positions, without start marks, [text, position]. after_head: called after
    each head with its work (`work_of`); an exception of its own ends the measurement. Others who use the model wait for
    one head at most.
    """
    ids, n_tokens = said_twice(segments, loaded.start_mark_id), segments.shape[1]
    readings = [read_first(loaded, part, n_tokens) for part in ids.split(_texts_at_once(loaded, n_tokens))]
    before, replacements = _losses([reading.logits for reading in readings], readings), stand_ins(readings)
    rises = np.empty((len(heads), len(ids)))
    for index, head in enumerate(heads):
        pairs = zip(readings, replacements, strict=True)
        logits = [read_again(loaded, reading, head, replacement) for reading, replacement in pairs]
        rises[index] = _losses(logits, readings) - before
        after_head(work_of(loaded, ids, head))
    return rises


def stand_ins(readings: Sequence[FirstReading]) -> list[torch.Tensor]:
    """For each reading what its heads hand on when they are off, [text, layer, head, position, d_head]: their own
    values at position 0, and elsewhere the mean over all texts and positions but the first."""
    together = torch.cat([reading.head_values for reading in readings])
    mean = together[:, :, :, 1:].mean(dim=(0, 3))
    return [with_own_first(reading.head_values, mean) for reading in readings]


def work_of(loaded: LoadedModel, ids: torch.Tensor, head: HeadId) -> int:
    """What reading texts again with a head off costs, in tokens that all blocks read: only the blocks from its own on
    are computed, and the unembedding of the second copy."""
    blocks = sum(weight.numel() for weight in find_module(loaded.model, loaded.family.block_path).parameters())
    unembedding = find_module(loaded.model, loaded.family.unembedding_path).weight.numel()
    of_blocks = ids.numel() * (1 - head.layer / loaded.n_layers)
    return round(of_blocks + ids.numel() / 2 * unembedding / (blocks * loaded.n_layers))


def work_of_all(loaded: LoadedModel, segments: np.ndarray) -> int:
    """The sum of the work of all heads."""
    ids = said_twice(segments, loaded.start_mark_id)
    return sum(work_of(loaded, ids, head) for head in loaded.shape.all())


def _texts_at_once(loaded: LoadedModel, n_tokens: int) -> int:
    return max(1, LOGITS_BYTES // (4 * n_tokens * loaded.config.vocab_size))


def _losses(logits: Sequence[torch.Tensor], readings: Sequence[FirstReading]) -> np.ndarray:
    """The mean loss on the second copy of each text, [text]."""
    pairs = zip(logits, readings, strict=True)
    each = [token_losses(part, reading.ids[:, -part.shape[1] :]).mean(dim=1) for part, reading in pairs]
    return torch.cat(each).double().numpy()
