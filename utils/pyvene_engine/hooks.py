"""PyVene made safe for a model that many threads share: hooks that come off again, and the parts of it we point at.

A component is named by its path, `transformer.h[0].attn.output` or `transformer.h[0].attn.c_proj.input`, never by
PyVene's own names (`attention_weight`, `head_attention_value_output`). Its tables behind those names lack OPT, Qwen3,
Gemma 3, Phi and BLOOM, are wrong for GPT-Neo and fail on Qwen2; a path works for every family alike.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

with contextlib.redirect_stdout(io.StringIO()):  # importing PyVene prints a line about a library we do not need
    import pyvene

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from utils.model_config import Family
    from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class Capture:
    """What one forward pass gave, float32 and detached.

    Args: patterns: [batch, layer, head, query_pos, key_pos]; no layers where the caller asked for none.
    logits: [batch, query_pos, vocabulary]; only the last query_pos where the caller asked for no more.
    head_values: what each head hands to the output projection, [batch, layer, head, query_pos, d_head]; None where the
    caller did not ask. made: what `collect_values` saw, in its order; empty where the caller did not ask.
    """

    patterns: torch.Tensor
    logits: torch.Tensor
    head_values: torch.Tensor | None = None
    made: tuple[torch.Tensor, ...] = ()


class _WatchedModel(pyvene.IntervenableModel):
    """An IntervenableModel that reads whole inputs and attention patterns, and leaves the model as it was."""

    def __init__(self, config: pyvene.IntervenableConfig, model: PreTrainedModel):
        super().__init__(config, model)
        self._own_hooks: list[Any] = []

    def disable_model_gradients(self) -> None:
        """Leave the weights' requires_grad and the model's mode alone; the pass runs without gradients anyway."""
        self.model_has_grad = False

    def _gather_intervention_output(self, output: Any, key: str, _unit_locations: Any) -> torch.Tensor:
        """Of an attention module its pattern where that is wanted, else the first input or output, whole or its first
        text alone."""
        intervention = self.interventions[key]
        if not isinstance(intervention, _CollectPattern):
            whole: torch.Tensor = output[0] if isinstance(output, tuple) else output
            is_one_text = isinstance(intervention, _CollectFirstText)
            return intervention.first_text(whole) if is_one_text else whole
        if not isinstance(output, tuple) or len(output) < 2 or not isinstance(output[1], torch.Tensor):
            raise RuntimeError("An attention module gave no pattern; the model must use eager attention.")
        return output[1]

    def _intervention_setter(self, *args: Any, **kwargs: Any) -> Any:
        handlers = super()._intervention_setter(*args, **kwargs)
        self._own_hooks.extend(handlers.handlers)
        return handlers

    def _remove_forward_hooks(self) -> None:
        """Remove the hooks that this object set; PyVene's own way removes everybody's, transformers' included."""
        while self._own_hooks:
            self._own_hooks.pop().remove()


def run_watched(
    loaded: LoadedModel,
    base: dict[str, torch.Tensor],
    points: Sequence[pyvene.RepresentationConfig],
    n_last_logits: int = 0,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """One pass with hooks at some points, alone on the model. Call it inside `loaded.lock` and inference mode.

    Args: base: input_ids and perhaps attention_mask. n_last_logits: spare the unembedding of all positions but so many
    last ones; 0 for all. Returns: what the collecting points saw, in their order, and the logits, float32.
    """
    options = {"use_cache": False, **({"logits_to_keep": int(n_last_logits)} if n_last_logits else {})}
    if not points:
        return [], loaded.model(**base, **options).logits.float()
    watched = _WatchedModel(pyvene.IntervenableConfig(representations=list(points)), loaded.model)
    first, outputs = watched({**base, **options})
    collected = first[1] if watched.return_collect_activations else []
    return collected, outputs.logits.float()


def model_inputs(input_ids: torch.Tensor, attention_mask: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The keyword arguments of a forward pass. Args: both [batch, position], the mask 1 for tokens, 0 for padding."""
    return {"input_ids": input_ids, **({} if attention_mask is None else {"attention_mask": attention_mask})}


def collect_pattern(family: Family, layer: int) -> pyvene.RepresentationConfig:
    """Collect the pattern of an attention module, [batch, head, query_pos, key_pos]."""
    return _point(family.attention_path, "output", layer, _CollectPattern(keep_last_dim=True))


def collect_residual(family: Family, n_layers: int, n_positions: int) -> list[pyvene.RepresentationConfig]:
    """Collect of the first text of a batch, [1, position, …]: what each block and the final norm read, what each
    layer's heads hand on, and what each MLP writes, in this order."""

    def one_text(path: str, side: str, layer: int = 0) -> pyvene.RepresentationConfig:
        return _point(path, side, layer, _CollectFirstText(n_positions))

    layers = range(n_layers)
    points = [one_text(family.block_path, "input", layer) for layer in layers]
    points.append(one_text(family.final_norm_path, "input"))
    points += [one_text(family.output_projection_path, "input", layer) for layer in layers]
    if family.mlp_output_path is not None:
        points += [one_text(family.mlp_output_path, "output", layer) for layer in layers]
    return points


def collect_values(family: Family, n_layers: int) -> list[pyvene.RepresentationConfig]:
    """Collect of a batch what values are made of and what norms what heads write: of each layer the output of the
    module that makes its values, then what the norm after each attention reads where there is one, then what the final
    norm reads. Args: family: with a layout."""

    def whole(path: str, side: str, layer: int = 0) -> pyvene.RepresentationConfig:
        return _point(path, side, layer, pyvene.CollectIntervention(keep_last_dim=True))

    assert family.attention_layout is not None
    layers = range(n_layers)
    made_in = f"{family.attention_path}.{family.attention_layout.names[-1]}"
    points = [whole(made_in, "output", layer) for layer in layers]
    if family.attention_norm_path is not None:
        points += [whole(family.attention_norm_path, "input", layer) for layer in layers]
    return [*points, whole(family.final_norm_path, "input")]


def collect_head_values(family: Family, layer: int) -> pyvene.RepresentationConfig:
    """Collect what a layer's heads hand to the output projection, [batch, query_pos, head * d_head]."""
    whole = pyvene.CollectIntervention(keep_last_dim=True)
    return _point(family.output_projection_path, "input", layer, whole)


def replace_head_values(
    family: Family, layer: int, is_off: torch.Tensor, replacement: torch.Tensor | None
) -> pyvene.RepresentationConfig:
    """Replace what some of a layer's heads hand to the output projection; see `_ReplaceHeads`."""
    return _point(family.output_projection_path, "input", layer, _ReplaceHeads(is_off, replacement))


def _point(path: str, side: str, layer: int, intervention: Any) -> pyvene.RepresentationConfig:
    return pyvene.RepresentationConfig(
        layer=layer, component=f"{path.format(layer=layer)}.{side}", intervention=intervention
    )


class _CollectPattern(pyvene.CollectIntervention):
    """Collects the second output of an attention module, which is its pattern."""


class _CollectFirstText(pyvene.CollectIntervention):
    """Collects of a batch what belongs to its first text, so that the others take no memory."""

    def __init__(self, n_positions: int):
        super().__init__(keep_last_dim=True)
        self._n_positions = n_positions

    def first_text(self, whole: torch.Tensor) -> torch.Tensor:
        """[1, position, …]. Args: whole: [batch, position, …], or [batch * position, …], as OPT's MLPs give it."""
        return whole.reshape(-1, whole.shape[-1])[None, : self._n_positions].clone()


class _ReplaceHeads(pyvene.ConstantSourceIntervention):
    """Put other values in place of some heads' own, before the output projection mixes the heads.

    Args: is_off: bool [batch, head]. replacement: [batch or 1, query_pos or 1, head, d_head], None for zeros.
    """

    def __init__(self, is_off: torch.Tensor, replacement: torch.Tensor | None):
        super().__init__(keep_last_dim=True)  # PyVene must not join the last two axes
        self._is_off = is_off[:, None, :, None]
        self._replacement = replacement

    def forward(self, base: torch.Tensor, *_: Any) -> torch.Tensor:
        """Args: base: [batch, query_pos, head * d_head], every head's values side by side."""
        values = base.unflatten(-1, (self._is_off.shape[2], -1))
        replacement = values.new_zeros(()) if self._replacement is None else self._replacement.to(values)
        return torch.where(self._is_off, replacement, values).flatten(-2)
