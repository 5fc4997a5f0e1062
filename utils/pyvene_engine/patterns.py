"""All layers' attention patterns, and what each head hands on where that is asked for, from one forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from utils.pyvene_engine.hooks import (
    Capture,
    collect_head_values,
    collect_pattern,
    collect_values,
    model_inputs,
    run_watched,
)

if TYPE_CHECKING:
    from utils.models.loader import LoadedModel


def capture_patterns(
    loaded: LoadedModel,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    only_last_logits: bool = False,
    with_head_values: bool = False,
    with_values: bool = False,
) -> Capture:
    """Run a batch once and keep every attention pattern; safe to call from many threads.

    Args: input_ids: [batch, position]. attention_mask: the same shape, 1 for tokens and 0 for padding.
    only_last_logits: spare the unembedding of all positions but the last; a quarter of the work for a large vocabulary.
    with_head_values: keep what each head hands to the output projection as well. with_values: and what
    `collect_values` reads, for a family with a layout.
    """
    layers = range(loaded.n_layers)
    points = [collect_pattern(loaded.family, layer) for layer in layers]
    if with_head_values:
        points += [collect_head_values(loaded.family, layer) for layer in layers]
    if with_values:
        points += collect_values(loaded.family, loaded.n_layers)
    with loaded.lock, torch.inference_mode():
        collected, logits = run_watched(loaded, model_inputs(input_ids, attention_mask), points, only_last_logits)
    patterns, rest = collected[: loaded.n_layers], collected[loaded.n_layers :]
    n_values = loaded.n_layers if with_head_values else 0
    head_values = stack_head_values(loaded, rest[:n_values]) if with_head_values else None
    return Capture(stack_patterns(loaded, patterns, input_ids), logits, head_values, tuple(rest[n_values:]))


def stack_patterns(loaded: LoadedModel, collected: list[torch.Tensor], input_ids: torch.Tensor) -> torch.Tensor:
    """One tensor [batch, layer, head, query_pos, key_pos] of all layers' patterns. Raises RuntimeError if one lacks."""
    batch, n_positions = input_ids.shape
    expected = (batch, loaded.n_heads, n_positions, n_positions)
    shapes = {tuple(pattern.shape) for pattern in collected}
    if len(collected) != loaded.n_layers or shapes != {expected}:
        raise RuntimeError(
            f"Expected {loaded.n_layers} patterns of shape {expected}; PyVene gave {len(collected)} of {shapes}."
        )
    return torch.stack(collected, dim=1).float()


def stack_head_values(loaded: LoadedModel, collected: list[torch.Tensor]) -> torch.Tensor:
    """One tensor [batch, layer, head, query_pos, d_head], float32, of what all layers' heads hand on."""
    side_by_side = torch.stack(collected, dim=1).float()  # [batch, layer, query_pos, head * d_head]
    return side_by_side.unflatten(-1, (loaded.n_heads, -1)).transpose(2, 3)


def capture_values(loaded: LoadedModel, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What `collect_values` sees on a batch [batch, position], and no patterns; safe to call from many threads."""
    with loaded.lock, torch.inference_mode():
        points = collect_values(loaded.family, loaded.n_layers)
        return tuple(run_watched(loaded, model_inputs(input_ids, None), points, n_last_logits=1)[0])
