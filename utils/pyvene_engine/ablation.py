"""Switch attention heads off: replace what they hand to the output projection, and see what the model makes of it.

A head's values (its attention-weighted sum of the V of its keys) stand beside those of its layer's other heads in the
input of the output projection, query head after query head also where heads share keys and values. Replacing them
there takes away all that the head writes, and nothing else; the projection's bias belongs to no head and stays.

Zero ablation puts zeros there, mean ablation the head's mean over some texts, resample ablation its values on another
text (Wang et al. 2022, "Interpretability in the Wild"; Chan et al. 2022, "Causal Scrubbing").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from utils.heads import HeadId
from utils.pyvene_engine.hooks import (
    Capture,
    collect_head_values,
    collect_pattern,
    model_inputs,
    replace_head_values,
    run_watched,
)
from utils.pyvene_engine.patterns import stack_head_values, stack_patterns

if TYPE_CHECKING:
    from pyvene import RepresentationConfig

    from utils.models.loader import LoadedModel


def ablate_heads(
    loaded: LoadedModel,
    input_ids: torch.Tensor,
    heads: Sequence[Sequence[HeadId]],
    replacement: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    collect_patterns: bool = False,
    only_last_logits: bool = False,
) -> Capture:
    """Run a batch once with some heads off, other ones in each row if asked; safe to call from many threads.

    Args: input_ids, attention_mask: [batch, position]. heads: for each row the heads that are off, perhaps none.
    replacement: None for zeros; the values to put there for every head of the model, of which those of `heads` are
    used: [layer, head, d_head] at every position, [layer, head, query_pos, d_head] for every row, or
    [batch, layer, head, query_pos, d_head]. collect_patterns: the patterns with these heads off, else none.
    Raises: UserError for a head that the model does not have; ValueError, with the shapes, when the arguments do not
    fit the batch or the model.
    """
    points = points_off(loaded, input_ids, heads, replacement)
    if collect_patterns:
        points += [collect_pattern(loaded.family, layer) for layer in range(loaded.n_layers)]
    with loaded.lock, torch.inference_mode():
        collected, logits = run_watched(loaded, model_inputs(input_ids, attention_mask), points, only_last_logits)
    batch, n_positions = input_ids.shape
    nothing = torch.empty(batch, 0, loaded.n_heads, n_positions, n_positions)
    return Capture(stack_patterns(loaded, collected, input_ids) if collect_patterns else nothing, logits)


def points_off(
    loaded: LoadedModel,
    input_ids: torch.Tensor,
    heads: Sequence[Sequence[HeadId]],
    replacement: torch.Tensor | None,
) -> list[RepresentationConfig]:
    """Where a pass has to be changed so that these heads are off. Args, raises: as `ablate_heads`."""
    is_off = _is_off(loaded, heads, len(input_ids))
    values = None if replacement is None else _as_batch(loaded, replacement, input_ids)
    return [
        replace_head_values(loaded.family, layer, is_off[:, layer], None if values is None else values[:, layer])
        for layer in range(loaded.n_layers)
        if is_off[:, layer].any()
    ]


def capture_head_values(
    loaded: LoadedModel, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """What each head hands to the output projection: the values that mean and resample ablation put elsewhere.

    Args: both [batch, position]; positions that the mask leaves out hold values without meaning.
    Returns: [batch, layer, head, query_pos, d_head], float32.
    """
    points = [collect_head_values(loaded.family, layer) for layer in range(loaded.n_layers)]
    with loaded.lock, torch.inference_mode():
        base = model_inputs(input_ids, attention_mask)
        collected, _ = run_watched(loaded, base, points, n_last_logits=1)
    return stack_head_values(loaded, collected)


def _is_off(loaded: LoadedModel, heads: Sequence[Sequence[HeadId]], batch: int) -> torch.Tensor:
    """Which heads are off, bool [batch, layer, head]."""
    if len(heads) != batch:
        raise ValueError(f"A batch of {batch} needs {batch} lists of heads, not {len(heads)}.")
    shape = loaded.shape
    is_off = torch.zeros(batch, *shape.as_tuple, dtype=torch.bool)
    for row, chosen in enumerate(heads):
        for head in chosen:
            is_off[row, *shape.require(*head)] = True
    return is_off


def _as_batch(loaded: LoadedModel, replacement: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
    """Replacement values as [batch or 1, layer, query_pos or 1, head, d_head]. Raises ValueError for another shape."""
    batch, n_positions = input_ids.shape
    one_head = loaded.shape.as_tuple
    d_head = loaded.family.d_head(loaded.config)
    allowed = [
        (*one_head, d_head),
        (*one_head, n_positions, d_head),
        (batch, *one_head, n_positions, d_head),
    ]
    if tuple(replacement.shape) not in allowed:
        shapes = ", ".join(str(shape) for shape in allowed)
        raise ValueError(f"Replacement values must have one of the shapes {shapes}, not {tuple(replacement.shape)}.")
    if replacement.ndim == 3:
        replacement = replacement[:, :, None]
    if replacement.ndim == 4:
        replacement = replacement[None]
    return replacement.transpose(2, 3)
