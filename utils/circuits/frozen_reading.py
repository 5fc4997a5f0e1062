"""Queries and keys of one layer on a text, linear in the stream: all norms on the way keep the scale they have there.

    key at a position = scale * (stream @ weight) + constant

So what each part of the stream brings to a key can be told by itself, and the parts add up to the key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from utils.circuits.positions import position_embeddings
from utils.circuits.weights import Projection, layer_reading, reading_norm, score_scale
from utils.experiments.frozen_norm import FrozenNorm
from utils.model_config import Norm, Positions
from utils.models.loader import LoadedModel
from utils.pyvene_engine import Placement


class FrozenReading(NamedTuple):
    """Queries, or keys, before they are turned. weight: [head, d_model, d_head]. scale: [1 or head, position, 1].
    constant: [head, 1 or position, d_head], what biases bring."""

    weight: torch.Tensor
    scale: torch.Tensor
    constant: torch.Tensor

    def of(self, stream: torch.Tensor) -> torch.Tensor:
        """[head, position, d_head]. Args: stream: [position, d_model], as `as_seen` gives it."""
        return self.scale * (stream @ self.weight) + self.constant


@dataclass(frozen=True, eq=False)
class LayerScores:
    """How one layer scores on one text. queries: [head, query_pos, d_head], turned. keys: how they are made, not yet
    turned. stream: [position, d_model], what they are made of."""

    queries: torch.Tensor
    keys: FrozenReading
    stream: torch.Tensor
    placement: Placement
    score_scale: float

    def content(self) -> torch.Tensor:
        """Query times key, [head, query_pos, key_pos], as the softmax gets it, but for penalties and hidden keys."""
        return self.score_scale * self.queries @ self.placement.turned(self.keys.of(self.stream)).mT


def layer_scores(loaded: LoadedModel, layer: int, stream: torch.Tensor, placement: Placement) -> LayerScores:
    """How a layer scores on a text. Args: stream: what the layer's block reads, [position, d_model].

    Raises: UserError for a model with attention of another layout.
    """
    reading, (module, kind) = layer_reading(loaded, layer), reading_norm(loaded, layer)
    seen = as_seen(loaded, stream)
    scale = FrozenNorm.at(module, kind, seen).scale
    own = loaded.family.norm
    queries = _frozen(reading.query, reading.query_norm, own, seen, scale)
    keys = _frozen(reading.key, reading.key_norm, own, seen, scale)
    return LayerScores(placement.turned(queries.of(seen)), keys, seen, placement, score_scale(loaded, layer))


def as_seen(loaded: LoadedModel, stream: torch.Tensor) -> torch.Tensor:
    """A stream [position, d_model] as queries and keys see it: with the positions that only they read."""
    positions = position_embeddings(loaded) if loaded.family.positions is Positions.SHORTFORMER else None
    return stream if positions is None else stream + positions[: len(stream)]


def _frozen(projection: Projection, norm: Any, kind: Norm, stream: torch.Tensor, scale: torch.Tensor) -> FrozenReading:
    """Args: norm: of the projection's result, None without one. scale: [position, 1], of the norm before."""
    weight, bias = projection.weight.transpose(0, 1), projection.bias[:, None]
    plain = FrozenReading(weight, scale[None], bias)
    if norm is None:
        return plain
    own = FrozenNorm.at(norm, kind, plain.of(stream))
    unscaled = replace(own, scale=torch.ones(1))
    return FrozenReading(unscaled.linear(weight), scale * own.scale, own.linear(bias) + own.bias)
