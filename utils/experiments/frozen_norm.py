"""A norm with its scale held at the value that one residual gives it, so that it is linear in what was added up.

With the scale frozen, norm(a + b) = linear(a) + linear(b) + bias for a + b the residual itself. What a part of the
residual does to the logits can then be read off that part alone (Elhage et al. 2021; nostalgebraist 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from utils.model_config import Norm


@dataclass(frozen=True, eq=False)
class FrozenNorm:
    """scale: [..., 1], one per residual. gain, bias: [d_model]. is_centred: the mean is taken away first."""

    scale: torch.Tensor
    gain: torch.Tensor
    bias: torch.Tensor
    is_centred: bool

    @classmethod
    def at(cls, module: Any, kind: Norm, residual: torch.Tensor) -> FrozenNorm:
        """The norm as it treats these residuals. Args: module: the model's own. residual: [..., d_model], float32."""
        if kind is Norm.NONE:
            d_model = residual.shape[-1]
            return cls(torch.ones(*residual.shape[:-1], 1), torch.ones(d_model), torch.zeros(d_model), is_centred=False)
        eps = module.eps if hasattr(module, "eps") else module.variance_epsilon
        is_centred = kind is Norm.LAYER
        seen = _centre(residual) if is_centred else residual
        scale = torch.rsqrt(seen.pow(2).mean(-1, keepdim=True) + eps)
        weight, bias = (_float_or_none(getattr(module, name, None)) for name in ("weight", "bias"))
        gain = torch.ones(residual.shape[-1]) if weight is None else weight
        return cls(
            scale=scale,
            gain=gain + 1 if kind is Norm.RMS_PLUS_ONE else gain,
            bias=torch.zeros(residual.shape[-1]) if bias is None else bias,
            is_centred=is_centred,
        )

    def linear(self, part: torch.Tensor) -> torch.Tensor:
        """What becomes of a part of the residual, [..., d_model], without the bias, which belongs to no part."""
        return (_centre(part) if self.is_centred else part) * self.scale * self.gain


def _centre(vectors: torch.Tensor) -> torch.Tensor:
    return vectors - vectors.mean(-1, keepdim=True)


def _float_or_none(weight: torch.Tensor | None) -> torch.Tensor | None:
    return None if weight is None else weight.detach().float()
