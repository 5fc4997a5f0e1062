"""What a forward pass must bring so that a head's writing can be told: values at every token, and norms after them.

Values come from the very pass that the text was read in, so they are exact: the sum over keys of A[q, k] v_k W_O is
what a head adds to the stream at q (before the norm that Gemma puts after its attention).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from utils.errors import UserError
from utils.experiments.frozen_norm import FrozenNorm
from utils.experiments.residual_parts import find_module, has_final_norm
from utils.model_config import Projections
from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class Values:
    """One text. values: [layer, value_head, position, d_head]; heads that share keys and values share one value head.
    scale: [layer, position], what the norm after the attention, if there is one, and the final norm multiply what the
    layer's heads write there with. final: [position, d_model], what the final norm reads."""

    values: np.ndarray
    scale: np.ndarray
    final: np.ndarray


def can_be_told(loaded: LoadedModel) -> bool:
    """Whether values and norms of this model can be read: its layout is known, and a norm ends its stream."""
    return loaded.family.attention_layout is not None and has_final_norm(loaded)


def require_told(loaded: LoadedModel) -> None:
    """Raises UserError for a model of which nobody can tell what its heads write."""
    if not can_be_told(loaded):
        raise UserError(
            "What the heads of this model write cannot be told apart, so jobs of writing are not tested.",
            "Jobs of looking are shown as usual.",
        )


def values_of(loaded: LoadedModel, made: Sequence[torch.Tensor], text: int = 0) -> Values:
    """Of one text of a batch. Args: made: what `hooks.collect_values` collected."""
    n_layers = loaded.n_layers
    values = torch.stack([_values(loaded, each[text]) for each in made[:n_layers]])
    normed, last = made[n_layers:-1], made[-1][text].float()
    scale = _scale(loaded, loaded.family.final_norm_path, last).expand(n_layers, -1)
    if normed:
        path = loaded.family.attention_norm_path
        assert path is not None
        own = [_scale(loaded, path, each[text].float(), layer) for layer, each in enumerate(normed)]
        scale = scale * torch.stack(own)
    return Values(values.numpy(), scale.contiguous().numpy(), last.numpy())


def _values(loaded: LoadedModel, made: torch.Tensor) -> torch.Tensor:
    """[value_head, position, d_head]. Args: made: what the module with a layer's values gave, [position, …]."""
    layout, d_head = loaded.family.attention_layout, loaded.family.d_head(loaded.config)
    assert layout is not None
    if layout.projections is Projections.BY_HEAD:
        values = made.unflatten(-1, (loaded.n_heads, 3, d_head))[..., 2, :]
    else:
        own = made.chunk(3, dim=-1)[2] if layout.projections is Projections.BY_KIND else made
        values = own.unflatten(-1, (-1, d_head))
    return values.float().transpose(0, 1).contiguous()


def _scale(loaded: LoadedModel, path: str, read: torch.Tensor, layer: int = 0) -> torch.Tensor:
    """[position]. Args: read: what the norm reads, [position, d_model]."""
    return FrozenNorm.at(find_module(loaded.model, path, layer), loaded.family.norm, read).scale[:, 0]
