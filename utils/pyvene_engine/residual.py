"""The residual stream of one text: what every block reads, and what heads and MLPs add to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from utils.pyvene_engine.hooks import (
    collect_head_values,
    collect_input,
    collect_output,
    model_inputs,
    run_watched,
)

if TYPE_CHECKING:
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
    family, layers = loaded.family, range(loaded.n_layers)
    points = [collect_input(family.block_path, layer) for layer in layers]
    points.append(collect_input(family.final_norm_path))
    points += [collect_head_values(family, layer) for layer in layers]
    if family.mlp_output_path is not None:
        points += [collect_output(family.mlp_output_path, layer) for layer in layers]
    with loaded.lock, torch.inference_mode():
        collected, logits = run_watched(loaded, model_inputs(input_ids[None], None), points, only_last_logits)
    n_layers, n_positions = loaded.n_layers, len(input_ids)
    stream, values = collected[: n_layers + 1], collected[n_layers + 1 : 2 * n_layers + 1]
    mlps = [written.reshape(n_positions, -1) for written in collected[2 * n_layers + 1 :]]  # OPT's has no batch axis
    side_by_side = torch.cat(values).float()  # [layer, position, head * d_head]
    return ResidualStream(
        stream=torch.cat(stream).float(),
        head_values=side_by_side.unflatten(-1, (loaded.n_heads, -1)).transpose(1, 2),
        mlps=torch.stack(mlps).float() if mlps else torch.zeros_like(torch.cat(stream[:-1])).float(),
        logits=logits[0],
    )
