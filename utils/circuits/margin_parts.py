"""The margins of a model's heads, measured on random tokens said twice (`margin.py` says what a margin is).

Seen from the keys, a reader's margin is a sum over positions of gradient(position) · stream(position), with everything
frozen. So a reader is reduced to one gradient [position, d_model], and all shares of a text come from one matrix
product of gradients with what each part wrote.

Two checks stand between a model of unknown build and a wrong number: scores recomputed here must give the model's own
patterns, and the parts must add up to the whole margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import numpy as np
import torch

from utils.catalogue.inputs import plain_token_ids
from utils.circuits.frozen_reading import LayerScores, as_seen, layer_scores
from utils.circuits.margin import Margins, ReaderMargin
from utils.errors import UserError
from utils.experiments.residual_parts import LARGEST_IDENTITY_ERROR, attention_output, has_final_norm
from utils.experiments.second_copy import random_segments, said_twice
from utils.heads import HeadId, Shape
from utils.models.loader import LoadedModel
from utils.pyvene_engine import Placement, ResidualStream, capture_patterns, capture_placement, capture_residual
from utils.result_cache import Progress, nobody_asks
from utils.roles import ROLES

N_TEXTS = 8
LONGEST_SEGMENT = 40
SHORTEST_SEGMENT = 4
SEED = 0
LARGEST_PATTERN_ERROR = 0.01


class _Parts:
    """Of all readers, in logits, added up over texts: whole, embedding, mlps, other [reader]; heads
    [reader, layer, head], 0 where the head is not in an earlier layer."""

    def __init__(self, n_readers: int, shape: Shape):
        self.whole, self.embedding, self.mlps, self.other = torch.zeros(4, n_readers)
        self.heads = torch.zeros(n_readers, *shape.as_tuple)

    def divide(self, n_texts: int) -> None:
        """From sums to means."""
        for sums in (self.whole, self.embedding, self.mlps, self.other, self.heads):
            sums /= n_texts

    @property
    def error(self) -> float:
        """The largest difference between a whole margin and its parts added up, for margins of up to 100 logits; larger
        margins may differ by as much more. 0 without readers."""
        added_up = self.embedding + self.mlps + self.other + self.heads.sum((1, 2))
        size = (self.whole.abs() / 100).clamp_min(1)
        return max(((self.whole - added_up).abs() / size).tolist(), default=0.0)

    def of_reader(self, place: int, reader: HeadId, role: str) -> ReaderMargin:
        return ReaderMargin(
            reader=reader,
            role=role,
            margin=float(self.whole[place]),
            writers=self.heads[place, : reader.layer].numpy().copy(),
            embedding=float(self.embedding[place]),
            mlps=float(self.mlps[place]),
            other=float(self.other[place]),
        )


def compute_margins(loaded: LoadedModel, readers: Mapping[HeadId, str], progress: Progress | None = None) -> Margins:
    """The margins of these heads.

    Args: readers: heads with the job that each is measured by. progress: called with steps done and steps in all.
    Returns: no entry for a head that cannot see that far back. Raises: UserError for a model that reads too few
    positions, whose attention is of another layout, or whose parts do not add up.
    """
    if not has_final_norm(loaded):  # it norms what it added up, so the stream is no sum of what was written
        raise _does_not_add_up()
    texts = _texts(loaded)
    tell, n_steps = progress or nobody_asks, len(texts) + 1
    tell(0, n_steps)
    placements = capture_placement(loaded, texts[0])
    patterns = capture_patterns(loaded, texts[:1], only_last_logits=True).patterns[0]
    wanted = _preferences(readers, texts[0].numpy(), patterns)
    tell(1, n_steps)
    parts = _Parts(len(wanted), loaded.shape)
    for place, ids in enumerate(texts):
        _add_text(parts, loaded, ids, wanted, placements, patterns if not place else None)
        tell(place + 2, n_steps)
    parts.divide(len(texts))
    if not parts.error <= LARGEST_IDENTITY_ERROR:
        raise _does_not_add_up()
    each = {head: parts.of_reader(place, head, readers[head]) for place, head in enumerate(wanted)}
    return Margins(each, len(texts), (texts.shape[1] - len(loaded.start_ids)) // 2)


def _texts(loaded: LoadedModel) -> torch.Tensor:
    """Random tokens said twice, [text, position], with the model's start mark."""
    n_plain, n_most = len(plain_token_ids(loaded.tokenizer)), loaded.max_positions or 2 * LONGEST_SEGMENT + 1
    n_tokens = min(LONGEST_SEGMENT, n_plain, (n_most - len(loaded.start_ids)) // 2)
    if n_tokens < SHORTEST_SEGMENT:
        raise UserError(
            "This model reads too few tokens to say some of them twice, so nobody can tell what its heads go by.",
            "Choose another model.",
        )
    return said_twice(random_segments(loaded, N_TEXTS, n_tokens, SEED), loaded.start_mark_id)


def _preferences(readers: Mapping[HeadId, str], ids: np.ndarray, patterns: torch.Tensor) -> dict[HeadId, torch.Tensor]:
    """For each reader, by layer, how query_pos and key_pos enter its margin; see `preference`."""
    found: dict[HeadId, torch.Tensor] = {}
    known: dict[tuple[int, str], torch.Tensor | None] = {}
    for head, role in sorted(readers.items()):
        if (head.layer, role) not in known:
            visible = (patterns[head.layer] > 0).any(0).numpy()  # no head of the layer sees what a window hides
            known[head.layer, role] = preference(role, ids, visible)
        weights = known[head.layer, role]
        if weights is not None:
            found[head] = weights
    return found


def preference(role: str, ids: np.ndarray, visible: np.ndarray) -> torch.Tensor | None:
    """How each score [query_pos, key_pos] enters the margin: the right keys of a row with 1, shared among them, all its
    keys but position 0 with -1, shared alike, averaged over rows; rows add up to 0.

    Args: ids: one text. visible: bool [query_pos, key_pos], what a layer sees. None where no row has a right key.
    """
    keys, targets = visible.copy(), ROLES[role].measure.evidence(ids).targets & visible
    keys[:, 0] = targets[:, 0] = False
    rows = targets.any(axis=1)
    if not rows.any():
        return None
    weights = np.zeros(targets.shape, dtype=np.float32)
    for sign, chosen in ((1, targets[rows]), (-1, keys[rows])):
        weights[rows] += sign * chosen / chosen.sum(axis=1, keepdims=True) / rows.sum()
    return torch.from_numpy(weights)


def _add_text(
    parts: _Parts,
    loaded: LoadedModel,
    ids: torch.Tensor,
    wanted: Mapping[HeadId, torch.Tensor],
    placements: list[Placement],
    patterns: torch.Tensor | None,
) -> None:
    """Add the shares of one text. Args: patterns: the model's own, [layer, head, query_pos, key_pos], as a check."""
    captured = capture_residual(loaded, ids, only_last_logits=True)
    gradients: list[torch.Tensor] = []
    for layer, heads in groupby(wanted, key=lambda head: head.layer):
        scores = layer_scores(loaded, layer, captured.stream[layer], placements[layer])
        content = scores.content()
        if patterns is not None:
            _require_own_patterns(content, scores.placement, patterns[layer])
        for _, head in heads:
            weights, place = wanted[HeadId(layer, head)], len(gradients)
            gradient, constant = _gradient(scores, head, weights)
            gradients.append(gradient)
            parts.whole[place] += (weights * content[head]).sum()
            parts.other[place] += constant
    if gradients:
        _share_out(parts, loaded, captured, torch.stack(gradients).flatten(1), [head.layer for head in wanted])


def _gradient(scores: LayerScores, head: int, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How a head's margin depends on the stream at each position, [position, d_model], and what its biases bring."""
    at_keys = scores.placement.turned_back(weights.T @ scores.queries[head]) * scores.score_scale
    weight, scale, constant = scores.keys
    own_scale = scale[head if len(scale) > 1 else 0]
    return (at_keys * own_scale) @ weight[head].T, (at_keys * constant[head]).sum()


def _share_out(
    parts: _Parts, loaded: LoadedModel, captured: ResidualStream, gradients: torch.Tensor, layers: list[int]
) -> None:
    """Add what each part of the stream brings. Args: gradients: [reader, position * d_model]. layers: of the readers,
    in order."""
    parts.embedding += gradients @ as_seen(loaded, captured.stream[0]).flatten()
    for layer in range(max(layers)):
        begin = sum(reader <= layer for reader in layers)
        later, values = gradients[begin:], captured.head_values[layer].transpose(0, 1)  # [position, head, d_head]
        output = attention_output(loaded, layer, values)
        parts.heads[begin:, layer] += later @ output.written(values).transpose(0, 1).flatten(1).T
        parts.other[begin:] += later @ output.bias_written().expand(len(values), -1).flatten()
        parts.mlps[begin:] += later @ captured.mlps[layer].flatten()


def _require_own_patterns(content: torch.Tensor, placement: Placement, patterns: torch.Tensor) -> None:
    """Raises UserError where recomputed scores, [head, query_pos, key_pos], do not give the model's own patterns."""
    scores = content if placement.penalty is None else content + placement.penalty[:, None]
    computed = scores.masked_fill(~(patterns > 0).any(0), -torch.inf).softmax(-1)
    if not float((computed - patterns).abs().max()) <= LARGEST_PATTERN_ERROR:
        raise _does_not_add_up()


def _does_not_add_up() -> UserError:
    return UserError(
        "What the parts of this model write does not add up to what its heads go by, so no head's share can be told.",
        "Weights alone can still be compared, and heads can be switched off.",
    )
