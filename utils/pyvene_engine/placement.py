"""What each layer's attention is told about where tokens stand: angles to turn queries and keys by, or a penalty.

Models compute both themselves (Gemma 3 with other angles in layers that see a window); here they are read as an
attention module gets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class Placement:
    """One layer, float32. cos, sin: [position, n_turned], of the first n_turned entries of queries and keys; None where
    nothing is turned. penalty: [head, key_pos], added to every score, the same for all queries but for a constant; None
    without one."""

    cos: torch.Tensor | None = None
    sin: torch.Tensor | None = None
    penalty: torch.Tensor | None = None

    def turned(self, vectors: torch.Tensor) -> torch.Tensor:
        """Queries or keys as they are compared. Args: vectors: [..., position, d_head]."""
        if self.cos is None or self.sin is None:
            return vectors
        n_turned = self.cos.shape[-1]
        turned, rest = vectors[..., :n_turned], vectors[..., n_turned:]
        return torch.cat([turned * self.cos + _quarter(turned) * self.sin, rest], dim=-1)

    def turned_back(self, vectors: torch.Tensor) -> torch.Tensor:
        """The transpose of `turned`: turned(a) @ b = a @ turned_back(b) at every position."""
        if self.cos is None or self.sin is None:
            return vectors
        n_turned = self.cos.shape[-1]
        turned, rest = vectors[..., :n_turned], vectors[..., n_turned:]
        return torch.cat([turned * self.cos - _quarter(turned * self.sin), rest], dim=-1)


def capture_placement(loaded: LoadedModel, input_ids: torch.Tensor) -> list[Placement]:
    """What every layer is told on a text of this length; safe to call from many threads.

    Args: input_ids: [position].
    """
    found: list[Placement] = []

    def note(_module: Any, _args: Any, told: dict[str, Any]) -> None:
        cos, sin = told.get("position_embeddings") or (None, None)
        alibi = told.get("alibi")
        found.append(Placement(_first(cos), _first(sin), None if alibi is None else alibi[:, 0].float().clone()))

    with loaded.lock, torch.inference_mode():
        paths = [loaded.family.attention_path.format(layer=layer) for layer in range(loaded.n_layers)]
        modules = [loaded.model.get_submodule(path.replace("[", ".").replace("]", "")) for path in paths]
        hooks = [module.register_forward_pre_hook(note, with_kwargs=True) for module in modules]
        try:
            loaded.model(input_ids=input_ids[None], use_cache=False, logits_to_keep=1)
        finally:
            for hook in hooks:
                hook.remove()
    return found


def _first(batch: torch.Tensor | None) -> torch.Tensor | None:
    """Of the only text, [position, n_turned]."""
    return None if batch is None else batch[0].float().clone()


def _quarter(vectors: torch.Tensor) -> torch.Tensor:
    """Each pair (x, y), whose members stand half the length apart, turned by a quarter: (-y, x)."""
    x, y = vectors.chunk(2, dim=-1)
    return torch.cat([-y, x], dim=-1)
