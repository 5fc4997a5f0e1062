"""Read texts again with one head off, from that head's own layer on.

A head changes nothing in the layers before its own, so their blocks are not computed again: while a text is read again
they give back what they gave the first time. What comes out is what reading the whole model again would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from utils.experiments.residual_parts import find_module
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine.ablation import capture_head_values, points_off
from utils.pyvene_engine.hooks import model_inputs, run_watched


@dataclass(frozen=True, eq=False)
class FirstReading:
    """Texts with all heads on.

    Args: ids: [text, position]. block_outputs: what each block gave back, as it did. head_values: what each head hands
    to the output projection, [text, layer, head, position, d_head]. logits: of the last positions that were asked for,
    [text, position, vocabulary], float32.
    """

    ids: torch.Tensor
    block_outputs: tuple[Any, ...]
    head_values: torch.Tensor
    logits: torch.Tensor


def read_first(loaded: LoadedModel, ids: torch.Tensor, n_last_logits: int) -> FirstReading:
    """Read texts of one length once, and keep what reading them again needs; safe to call from many threads.

    Args: ids: [text, position]. n_last_logits: of how many last positions the logits are wanted.
    """
    head_values = capture_head_values(loaded, ids)
    outputs: list[Any] = [None] * loaded.n_layers

    def keep(layer: int) -> Any:
        return lambda _block, _inputs, output: outputs.__setitem__(layer, output)

    with loaded.lock, torch.inference_mode(), ExitStack() as hooks:
        for layer in range(loaded.n_layers):
            hooks.callback(_block(loaded, layer).register_forward_hook(keep(layer)).remove)
        _, logits = run_watched(loaded, model_inputs(ids, None), [], n_last_logits)
    return FirstReading(ids, tuple(outputs), head_values, logits)


def read_again(
    loaded: LoadedModel, first: FirstReading, head: HeadId | None, replacement: torch.Tensor
) -> torch.Tensor:
    """The logits of the same positions with one head off; with None, or a head that keeps its own values, exactly those
    of the first reading. Safe to call from many threads; others wait for this one reading.

    Args: replacement: as `ablate_heads` takes it. Raises: UserError for a head that the model does not have.
    """
    off = () if head is None else (head,)
    points = points_off(loaded, first.ids, [off] * len(first.ids), replacement)
    n_kept = loaded.n_layers if head is None else head.layer
    with loaded.lock, torch.inference_mode(), _blocks_as_before(loaded, first.block_outputs[:n_kept]):
        _, logits = run_watched(loaded, model_inputs(first.ids, None), points, first.logits.shape[1])
    return logits


def with_own_first(head_values: torch.Tensor, elsewhere: torch.Tensor) -> torch.Tensor:
    """Stand-ins for heads that are off: their own values at position 0, where a head can look at nothing else and many
    models hand on values of a size that no other has, and others behind it.

    Args: head_values: [text, layer, head, position, d_head]. elsewhere: one for all texts and positions,
    [layer, head, d_head].
    """
    own, later = head_values[:, :, :, :1], head_values[:, :, :, 1:]
    return torch.cat([own, elsewhere[None, :, :, None].expand_as(later)], dim=3)


@contextmanager
def _blocks_as_before(loaded: LoadedModel, outputs: tuple[Any, ...]) -> Iterator[None]:
    """The first blocks compute nothing and give back these outputs. The model is afterwards as it was, whatever
    happens. Call it inside `loaded.lock`."""
    with ExitStack() as changed:
        for layer, output in enumerate(outputs):
            block = _block(loaded, layer)
            changed.callback(_set_forward, block, block.__dict__.get("forward"))
            _set_forward(block, lambda *_args, _output=output, **_options: _output)
        yield


def _set_forward(block: Any, forward: Any | None) -> None:
    """Give one block a forward of its own; None takes that away, and its class's counts again."""
    if forward is None:
        block.__dict__.pop("forward", None)
    else:
        block.__dict__["forward"] = forward


def _block(loaded: LoadedModel, layer: int) -> Any:
    return find_module(loaded.model, loaded.family.block_path, layer)
