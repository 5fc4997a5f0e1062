"""The attention weights of any family in one form: W_Q, W_K, W_V, W_O of every head, with the norms folded in.

Folding (as TransformerLens does by default) moves into the weights whatever of a norm does not change with the text:

- the norm before the attention: its gain scales the rows of W_Q, W_K and W_V, its bias goes into their biases. A
  LayerNorm also takes the mean away, so these weights are centred over d_model;
- what is written is read by later norms of the same kind, so where those are LayerNorms W_O is centred too;
- norms of queries and keys (Qwen3, Gemma 3) put their gain into W_Q and W_K, a norm after the attention (Gemma 3) puts
  its gain into W_O.

What is left of a norm is its scale, one number per token. Where each family keeps these weights, its entry in
`utils/model_config.py` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from utils.errors import UserError
from utils.experiments.frozen_norm import FrozenNorm
from utils.experiments.residual_parts import find_module
from utils.model_config import AttentionLayout, Family, Norm, Projections
from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """Folded weights of one layer's heads, or of all heads of a model, layer after layer; float32.

    Args: W_Q, W_K, W_V: [head, d_model, d_head]. W_O: [head, d_head, d_model]. query_bias, key_bias, value_bias:
    [head, d_head]. Where query heads share keys and values, each query head has its copy. score_scale: what the model
    multiplies query times key with, usually 1/sqrt(d_head); no circuit includes it.
    """

    W_Q: torch.Tensor
    W_K: torch.Tensor
    W_V: torch.Tensor
    W_O: torch.Tensor
    query_bias: torch.Tensor
    key_bias: torch.Tensor
    value_bias: torch.Tensor
    score_scale: float

    @property
    def d_model(self) -> int:
        return int(self.W_Q.shape[1])

    @property
    def d_head(self) -> int:
        return int(self.W_Q.shape[2])


class Projection(NamedTuple):
    """weight: [d_model, head, d_head], bias: [head, d_head]."""

    weight: torch.Tensor
    bias: torch.Tensor


class Reading(NamedTuple):
    """How a layer's heads read, with the norm before the attention folded in and no other.

    query_norm, key_norm: the norms that queries and keys go through afterwards, None without one.
    """

    query: Projection
    key: Projection
    value: Projection
    query_norm: Any
    key_norm: Any


QueryKeyValue = tuple[Projection, Projection, Projection]
Reader = Callable[[Any, int, int], QueryKeyValue]


def _separate(*names: str) -> Reader:
    """Queries, keys and values from three modules, of which keys and values may have fewer heads."""

    def read(attention: Any, _n_heads: int, d_head: int) -> QueryKeyValue:
        query, key, value = (_by_head(*_weight_and_bias(attention.get_submodule(name)), d_head) for name in names)
        return query, key, value

    return read


def _fused_by_kind(name: str) -> Reader:
    """One module gives all queries, then all keys, then all values."""

    def read(attention: Any, _n_heads: int, d_head: int) -> QueryKeyValue:
        weight, bias = _weight_and_bias(attention.get_submodule(name))
        parts = zip(weight.chunk(3, dim=1), bias.chunk(3), strict=True)
        query, key, value = (_by_head(*part, d_head) for part in parts)
        return query, key, value

    return read


def _fused_by_head(name: str) -> Reader:
    """One module gives query, key and value of head 0, then those of head 1, and so on."""

    def read(attention: Any, n_heads: int, d_head: int) -> QueryKeyValue:
        weight, bias = _weight_and_bias(attention.get_submodule(name))
        weights, biases = weight.unflatten(1, (n_heads, 3, d_head)), bias.unflatten(0, (n_heads, 3, d_head))
        query, key, value = (Projection(weights[:, :, kind], biases[:, kind]) for kind in range(3))
        return query, key, value

    return read


READERS: dict[Projections, Callable[..., Reader]] = {
    Projections.SEPARATE: _separate,
    Projections.BY_KIND: _fused_by_kind,
    Projections.BY_HEAD: _fused_by_head,
}
_QUERY_NORMS, _KEY_NORMS = ("q_norm", "q_layernorm"), ("k_norm", "k_layernorm")


def layer_weights(loaded: LoadedModel, layer: int) -> HeadWeights:
    """The folded weights of one layer's heads. Raises: UserError for a model with attention of another layout."""
    with _in_known_layout():
        return _read_layer(loaded, layer)


def layer_reading(loaded: LoadedModel, layer: int) -> Reading:
    """How one layer's heads read; query heads each have a copy of what they share. Raises: as `layer_weights`."""
    with _in_known_layout():
        return _reading(loaded, layer)


@contextmanager
def _in_known_layout() -> Iterator[None]:
    try:
        yield
    except (AttributeError, RuntimeError) as error:  # a module is not there, or its weights are of another shape
        raise _unknown_layout() from error


def _reading(loaded: LoadedModel, layer: int) -> Reading:
    family, n_heads = loaded.family, loaded.n_heads
    attention = find_module(loaded.model, family.attention_path, layer)
    layout = _layout(family)
    projections = READERS[layout.projections](*layout.names)(attention, n_heads, family.d_head(loaded.config))
    norm = unscaled_norm(*reading_norm(loaded, layer), projections[0].weight.shape[0])
    query, key, value = (_one_per_query_head(_folded(each, norm), n_heads) for each in projections)
    return Reading(query, key, value, _own_norm(attention, _QUERY_NORMS), _own_norm(attention, _KEY_NORMS))


def _read_layer(loaded: LoadedModel, layer: int) -> HeadWeights:
    family, reading = loaded.family, _reading(loaded, layer)
    query = _through(reading.query, reading.query_norm, family.norm)
    key = _through(reading.key, reading.key_norm, family.norm)
    return HeadWeights(
        W_Q=query.weight.transpose(0, 1),
        W_K=key.weight.transpose(0, 1),
        W_V=reading.value.weight.transpose(0, 1),
        W_O=output_weights(loaded, layer),
        query_bias=query.bias,
        key_bias=key.bias,
        value_bias=reading.value.bias,
        score_scale=score_scale(loaded, layer),
    )


def score_scale(loaded: LoadedModel, layer: int) -> float:
    """What a layer multiplies query times key with."""
    attention = find_module(loaded.model, loaded.family.attention_path, layer)
    default = loaded.family.d_head(loaded.config) ** -0.5 if _layout(loaded.family).is_scaled else 1.0
    return float(getattr(attention, "scaling", default))


def model_weights(loaded: LoadedModel) -> HeadWeights:
    """The folded weights of all heads, in the order of `Shape.index`. The scale is the first layer's.

    Raises: UserError as `layer_weights`.
    """
    layers = [layer_weights(loaded, layer) for layer in range(loaded.n_layers)]
    names = ("W_Q", "W_K", "W_V", "W_O", "query_bias", "key_bias", "value_bias")
    joined: dict[str, Any] = {name: torch.cat([getattr(layer, name) for layer in layers]) for name in names}
    return replace(layers[0], **joined)


def reading_norm(loaded: LoadedModel, layer: int) -> tuple[Any, Norm]:
    """The norm that a layer's heads read through, and its kind; (None, Norm.NONE) without one before the attention."""
    name = _layout(loaded.family).norm
    if name is None or norms_after(loaded):
        return None, Norm.NONE
    return find_module(loaded.model, f"{loaded.family.block_path}.{name}", layer), loaded.family.norm


def norms_after(loaded: LoadedModel) -> bool:
    """Whether the model norms after it adds, as OPT 350M; then no norm can be folded into what reads."""
    return getattr(loaded.config, "do_layer_norm_before", True) is False


def as_read(loaded: LoadedModel, layer: int, vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [..., d_model] at the scale that a layer's norm gives each of them; folded weights do the rest."""
    module, kind = reading_norm(loaded, layer)
    return vectors * FrozenNorm.at(module, kind, vectors).scale


def norm_note(loaded: LoadedModel) -> str:
    """What was folded into the weights of this model, and which heads share weights, in sentences."""
    family, notes = loaded.family, []
    if reading_norm(loaded, 0)[1] is Norm.NONE:
        notes.append("No norm stands before the attention, so nothing is folded in.")
    elif family.norm is Norm.LAYER:
        notes.append("The norm before the attention is folded in: its gain into what reads; all weights are centred.")
    else:
        notes.append("The gain of the norm before the attention is folded into what reads.")
    if _has_own_norms(loaded):
        notes.append("So are the gains of the norms of queries and keys; how they scale each token is left out.")
    if family.attention_norm_path is not None:
        notes.append("The gain of the norm after the attention is folded into what is written.")
    n_shared = loaded.n_heads // family.n_kv_heads(loaded.config)
    if n_shared > 1:
        notes.append(f"Every {n_shared} neighbouring heads share their keys and values.")
    return " ".join(notes)


def _has_own_norms(loaded: LoadedModel) -> bool:
    attention = find_module(loaded.model, loaded.family.attention_path)
    return any(getattr(attention, name, None) is not None for name in _QUERY_NORMS)


def _layout(family: Family) -> AttentionLayout:
    """Raises UserError for a family of which nobody has said where its queries, keys and values stand."""
    if family.attention_layout is None:
        raise _unknown_layout()
    return family.attention_layout


def _unknown_layout() -> UserError:
    return UserError(
        "Headlight does not know how this model arranges its attention weights, so it cannot tell its circuits.",
        "Choose another model. Here too, heads can be watched and switched off.",
    )


def output_weights(loaded: LoadedModel, layer: int) -> torch.Tensor:
    """W_O [head, d_head, d_model], folded."""
    family = loaded.family
    weight, _ = _weight_and_bias(find_module(loaded.model, family.output_projection_path, layer))
    if family.attention_norm_path is not None:
        norm = find_module(loaded.model, family.attention_norm_path, layer)
        weight = unscaled_norm(norm, family.norm, weight.shape[1]).linear(weight)
    elif family.norm is Norm.LAYER and not norms_after(loaded):
        weight = weight - weight.mean(dim=1, keepdim=True)
    return weight.unflatten(0, (loaded.n_heads, -1))


def _weight_and_bias(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """[in, out] and [out], the bias zero where there is none. GPT-2's Conv1D is stored that way round already."""
    weight = module.weight.detach().float()
    weight = weight.T if isinstance(module, torch.nn.Linear) else weight
    bias = getattr(module, "bias", None)
    return weight, torch.zeros(weight.shape[1]) if bias is None else bias.detach().float()


def _by_head(weight: torch.Tensor, bias: torch.Tensor, d_head: int) -> Projection:
    return Projection(weight.unflatten(1, (-1, d_head)), bias.unflatten(0, (-1, d_head)))


def _folded(projection: Projection, norm: FrozenNorm) -> Projection:
    """The projection of norm(x) as one of x, but for the norm's scale."""
    weight, bias = projection
    scaled = norm.gain[:, None, None] * weight
    if norm.is_centred:
        scaled = scaled - scaled.mean(dim=0)
    return Projection(scaled, bias + torch.einsum("d,dhe->he", norm.bias, weight))


def _through(projection: Projection, module: Any, kind: Norm) -> Projection:
    """The projection followed by a norm of its result, None for no norm, but for that norm's scale."""
    if module is None:
        return projection
    norm = unscaled_norm(module, kind, projection.bias.shape[1])
    return Projection(norm.linear(projection.weight), norm.linear(projection.bias) + norm.bias)


def _own_norm(attention: Any, names: tuple[str, ...]) -> Any:
    """The norm that queries or keys go through, None without one."""
    return next((found for name in names if (found := getattr(attention, name, None)) is not None), None)


def unscaled_norm(module: Any, kind: Norm, size: int) -> FrozenNorm:
    """A norm without its scale, which changes with the text: gain, bias, and whether it centres."""
    return replace(FrozenNorm.at(module, kind, torch.ones(size)), scale=torch.ones(1))


def _one_per_query_head(projection: Projection, n_heads: int) -> Projection:
    """Each key head stands once for every query head of its group, which are neighbours."""
    weight, bias = projection
    n_each = n_heads // len(bias)
    return Projection(weight.repeat_interleave(n_each, dim=1), bias.repeat_interleave(n_each, dim=0))
