"""The residual stream of one text: what every block reads, and what heads and MLPs add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from utils.pyvene_engine.ablation import points_off
from utils.pyvene_engine.hooks import collect_residual, model_inputs, run_watched

if TYPE_CHECKING:
    from utils.heads import HeadId
    from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class ResidualStream:
    """One text, float32 and detached.

    Args: stream: [layer + 1, position, d_model], what each block reads and, last, what the final norm reads.
    head_values: [layer, head, position, d_head], what each head hands to the output projection. mlps:
    [layer, position, d_model], what each MLP adds to the stream, zeros in a family without MLPs. logits:
    [position, vocabulary]; only the last position's where the caller asked for no more.
    """

    stream: torch.Tensor
    head_values: torch.Tensor
    mlps: torch.Tensor
    logits: torch.Tensor


def capture_residual(loaded: LoadedModel, input_ids: torch.Tensor, only_last_logits: bool = False) -> ResidualStream:
    """Read one text once; safe to call from many threads. Args: input_ids: [position]."""
    points = collect_residual(loaded.family, loaded.n_layers, len(input_ids))
    with loaded.lock, torch.inference_mode():
        collected, logits = run_watched(loaded, model_inputs(input_ids[None], None), points, only_last_logits)
    return residual_of(loaded, collected, logits[0])


def ablate_beside_residual(
    loaded: LoadedModel,
    input_ids: torch.Tensor,
    heads: Sequence[Sequence[HeadId]],
    replacement: torch.Tensor | None = None,
) -> tuple[torch.Tensor, ResidualStream]:
    """As `ablate_heads` for a text with all heads on in the first row, whose residual stream comes from the same pass.

    Args: heads: none for the first row. Returns: the logits after the last position, [batch, vocabulary], and the
    stream with these logits of the first row. Raises: ValueError for heads in the first row; as `ablate_heads`.
    """
    if heads[0]:
        raise ValueError("The residual stream is that of the first row, in which no head may be off.")
    points = collect_residual(loaded.family, loaded.n_layers, input_ids.shape[1])
    points += points_off(loaded, input_ids, heads, replacement)
    with loaded.lock, torch.inference_mode():
        collected, logits = run_watched(loaded, model_inputs(input_ids, None), points, n_last_logits=1)
    return logits[:, -1], residual_of(loaded, collected, logits[0])


def residual_of(loaded: LoadedModel, collected: list[torch.Tensor], logits: torch.Tensor) -> ResidualStream:
    """Args: collected: at the points of `collect_residual`. logits: of that text, [position, vocabulary]."""
    n_layers = loaded.n_layers
    stream, values = torch.cat(collected[: n_layers + 1]).float(), collected[n_layers + 1 : 2 * n_layers + 1]
    mlps = collected[2 * n_layers + 1 :]
    side_by_side = torch.cat(values).float()  # [layer, position, head * d_head]
    return ResidualStream(
        stream=stream,
        head_values=side_by_side.unflatten(-1, (loaded.n_heads, -1)).transpose(1, 2),
        mlps=torch.cat(mlps).float() if mlps else torch.zeros_like(stream[:-1]),
        logits=logits,
    )
