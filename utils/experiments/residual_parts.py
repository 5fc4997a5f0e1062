"""What every part of a model adds to the residual stream at one token, and what that does to the logits directly.

Embedding, heads, biases of the attention layers, and MLPs add up to what the final norm reads. With that norm's scale
frozen, their logits add up to the model's own: **the identity** that every answer of this module is checked by. In
Gemma the attention's output is normed once more before it is added; that norm's scale is frozen too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from utils.errors import UserError
from utils.experiments.frozen_norm import FrozenNorm
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ResidualStream, capture_residual

LARGEST_IDENTITY_ERROR = 0.01  # in logits, for logits of up to 100


@dataclass(frozen=True, eq=False)
class AttentionOutput:
    """How one layer's heads write on a text. W_O: [head, d_head, d_model]. bias: [d_model]. norm: None unless Gemma's,
    its scale [..., 1, 1], one per token."""

    W_O: torch.Tensor
    bias: torch.Tensor
    norm: FrozenNorm | None

    def written(self, values: torch.Tensor) -> torch.Tensor:
        """What heads add to the stream. Args: values: [..., head, d_head]. Returns: [..., head, d_model]."""
        return self._normed(torch.einsum("...hv,hvd->...hd", values, self.W_O))

    def bias_written(self) -> torch.Tensor:
        """What no head writes, [..., d_model]; [d_model], the same at every token, where no norm follows."""
        return self.bias if self.norm is None else (self.norm.linear(self.bias) + self.norm.bias).squeeze(-2)

    def _normed(self, part: torch.Tensor) -> torch.Tensor:
        return part if self.norm is None else self.norm.linear(part)


@dataclass(frozen=True, eq=False)
class ResidualParts:
    """One token's residual, taken apart; float32.

    Args: embedding: [d_model], with positions. values: [layer, head, d_head], what the heads hand to the output
    projection. heads: [layer, head, d_model], attention_biases, mlps: [layer, d_model], what they add to the stream.
    logits: [vocabulary], the model's own. W_U: [d_model, vocabulary]; constant_logits: [vocabulary], what the biases
    of final norm and unembedding add.
    """

    embedding: torch.Tensor
    values: torch.Tensor
    heads: torch.Tensor
    attention_biases: torch.Tensor
    mlps: torch.Tensor
    logits: torch.Tensor
    final_norm: FrozenNorm
    W_U: torch.Tensor
    constant_logits: torch.Tensor
    attention: tuple[AttentionOutput, ...]

    def direct_logits(self, part: torch.Tensor) -> torch.Tensor:
        """What a part of the residual adds to every token's logit. Args: part: [..., d_model], or [d_model]."""
        return self.final_norm.linear(part) @ self.W_U

    def direct_logit(self, part: torch.Tensor, token_id: int) -> torch.Tensor:
        """What a part adds to one token's logit above its mean over the vocabulary, [...]. Args: as `direct_logits`."""
        return self.final_norm.linear(part) @ (self.W_U[:, token_id] - self.W_U.mean(dim=1))

    def logits_without(self, heads: Iterable[HeadId], replacement: torch.Tensor | None) -> torch.Tensor:
        """The logits if only what these heads write themselves were replaced, and no later part noticed; [vocabulary].

        Args: replacement: as `change_without`.
        """
        return self.logits + self.direct_logits(self.change_without(heads, replacement))

    def change_without(self, heads: Iterable[HeadId], replacement: torch.Tensor | None) -> torch.Tensor:
        """What is added to the residual if these heads write something else; [d_model].

        Args: replacement: what they hand on, [layer, head, d_head], None for zeros.
        """
        change = torch.zeros_like(self.embedding)
        for layer, head in heads:
            before = self.values[layer]
            after = torch.zeros_like(before) if replacement is None else replacement[layer]
            change += self.attention[layer].written(after - before)[head]
        return change

    @property
    def identity_error(self) -> float:
        """Largest difference, over the vocabulary, between the parts' logits added up and the model's own."""
        whole = self.embedding + self.heads.sum((0, 1)) + self.attention_biases.sum(0) + self.mlps.sum(0)
        return float((self.direct_logits(whole) + self.constant_logits - self.logits).abs().max())


def split_residual(loaded: LoadedModel, ids: list[int]) -> ResidualParts:
    """The residual at the last of these tokens, taken apart, from one pass.

    Raises: UserError for a model whose parts do not add up, because it norms after it adds, or scales its logits.
    """
    require_final_norm(loaded)
    return parts_at_the_end(loaded, capture_residual(loaded, torch.tensor(ids), only_last_logits=True))


def parts_at_the_end(loaded: LoadedModel, captured: ResidualStream) -> ResidualParts:
    """The residual at the last token of a text, taken apart. Raises: as `split_residual`, for a final norm."""
    parts = _taken_apart(loaded, captured)
    if not parts.identity_error <= LARGEST_IDENTITY_ERROR * max(1.0, float(parts.logits.abs().max()) / 100):
        raise _cannot_be_split()
    return parts


def require_final_norm(loaded: LoadedModel) -> None:
    """Raises UserError for a model without a norm at the end of its residual stream."""
    if not has_final_norm(loaded):
        raise _cannot_be_split()


def has_final_norm(loaded: LoadedModel) -> bool:
    """Whether one norm stands at the end of the residual stream; OPT 350M has none."""
    try:
        is_there = find_module(loaded.model, loaded.family.final_norm_path) is not None
    except AttributeError:
        return False
    return is_there and getattr(loaded.config, "do_layer_norm_before", True) is not False


def _cannot_be_split() -> UserError:
    return UserError(
        "What the parts of this model write does not add up to its guesses, so no part's share can be told.",
        "Switching a head off works here too. Choose another model to see what a head writes.",
    )


def find_module(model: Any, path: str, layer: int = 0) -> Any:
    """The module at a Family's path. Raises AttributeError where there is none."""
    return model.get_submodule(path.format(layer=layer).replace("[", ".").replace("]", ""))


def final_norm_of(loaded: LoadedModel, residual: torch.Tensor) -> FrozenNorm:
    """The final norm as it treats these residuals, [..., d_model]."""
    return FrozenNorm.at(find_module(loaded.model, loaded.family.final_norm_path), loaded.family.norm, residual)


def unembedding_of(loaded: LoadedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """W_U [d_model, vocabulary], tied to the embedding or not, and its bias [vocabulary] (zeros where it has none)."""
    module = find_module(loaded.model, loaded.family.unembedding_path)
    weight = module.weight.detach().float()
    return weight.T, _bias_of(module, len(weight))


def _taken_apart(loaded: LoadedModel, captured: ResidualStream) -> ResidualParts:
    values = captured.head_values[:, :, -1]
    attention = tuple(attention_output(loaded, layer, values[layer]) for layer in range(loaded.n_layers))
    final_norm = final_norm_of(loaded, captured.stream[-1, -1])
    W_U, bias = unembedding_of(loaded)
    return ResidualParts(
        embedding=captured.stream[0, -1],
        values=values,
        heads=torch.stack([layer.written(own) for layer, own in zip(attention, values, strict=True)]),
        attention_biases=torch.stack([layer.bias_written() for layer in attention]),
        mlps=captured.mlps[:, -1],
        logits=captured.logits[-1],
        final_norm=final_norm,
        W_U=W_U,
        constant_logits=final_norm.bias @ W_U + bias if final_norm.bias.any() else bias,
        attention=attention,
    )


def attention_output(loaded: LoadedModel, layer: int, values: torch.Tensor) -> AttentionOutput:
    """How a layer's heads write on a text. Args: values: what they hand on there, [..., head, d_head]."""
    module = find_module(loaded.model, loaded.family.output_projection_path, layer)
    weight = module.weight.detach().float()
    weight = weight.T if isinstance(module, torch.nn.Linear) else weight  # GPT-2's is a Conv1D, [in, out]
    W_O, bias = weight.unflatten(0, (loaded.n_heads, -1)), _bias_of(module, weight.shape[1])
    if loaded.family.attention_norm_path is None:
        return AttentionOutput(W_O, bias, None)
    added_up = torch.einsum("...hv,hvd->...d", values, W_O) + bias
    norm = find_module(loaded.model, loaded.family.attention_norm_path, layer)
    return AttentionOutput(W_O, bias, FrozenNorm.at(norm, loaded.family.norm, added_up.unsqueeze(-2)))


def _bias_of(module: Any, size: int) -> torch.Tensor:
    bias = getattr(module, "bias", None)
    return torch.zeros(size) if bias is None else bias.detach().float()
