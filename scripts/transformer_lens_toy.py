"""A TransformerLens state dict of an attention-only model, as `utils/models/attention_only.py` names its weights.

Published toys such as ARENA's two-layer model are one `.pth` file of a HookedTransformer with shortformer positions and
without norms; their shape is that of their tensors. TransformerLens keeps one matrix for each head
(`W_Q`: [head, d_model, d_head]); here the heads of a layer stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from utils.errors import UserError
from utils.models.attention_only import AttentionOnlyConfig

BUFFERS = re.compile(r"\.(mask|IGNORE)$")  # made anew by every model, and trained by nobody
LAYER = re.compile(r"blocks\.(\d+)\.attn\.(\w+)")
MODULES = {"Q": "query", "K": "key", "V": "value", "O": "output"}


def is_transformer_lens(state: Mapping[str, torch.Tensor]) -> bool:
    """Whether a state dict has TransformerLens' names."""
    return "embed.W_E" in state and "unembed.W_U" in state


def config_of(state: Mapping[str, torch.Tensor], start_mark_id: int | None) -> AttentionOnlyConfig:
    """The shape of the model. Raises UserError for one with MLPs, norms, or positions of another kind."""
    names = [name for name in state if not BUFFERS.search(name)]
    known = {"embed.W_E", "pos_embed.W_pos", "unembed.W_U", "unembed.b_U"}
    others = [name for name in names if name not in known and not LAYER.fullmatch(name)]
    if others or "pos_embed.W_pos" not in state:
        raise UserError(
            f"This is no attention-only model with shortformer positions: it has {', '.join(others[:3]) or 'none'}.",
            "Headlight reads other models in transformers' own format.",
        )
    n_heads, d_model, d_head = state["blocks.0.attn.W_Q"].shape
    return AttentionOnlyConfig(
        vocab_size=len(state["embed.W_E"]),
        hidden_size=d_model,
        num_hidden_layers=1 + max(int(found[1]) for name in names if (found := LAYER.fullmatch(name))),
        num_attention_heads=n_heads,
        head_dim=d_head,
        max_position_embeddings=len(state["pos_embed.W_pos"]),
        use_bias="blocks.0.attn.b_Q" in state,
        bos_token_id=start_mark_id,
        eos_token_id=start_mark_id,
        architectures=["AttentionOnlyForCausalLM"],
    )


def renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under this project's names, heads side by side and Linear weights as [out, in]."""
    weights = {
        "embed.weight": state["embed.W_E"],
        "positions.weight": state["pos_embed.W_pos"],
        "unembed.weight": state["unembed.W_U"].T,
    }
    if "unembed.b_U" in state and "blocks.0.attn.b_Q" in state:
        weights["unembed.bias"] = state["unembed.b_U"]
    for name, tensor in state.items():
        found = LAYER.fullmatch(name)
        if found and not BUFFERS.search(name):
            kind, letter = found[2].split("_")
            place = f"layers.{found[1]}.attention.{MODULES[letter]}"
            weights[f"{place}.{'weight' if kind == 'W' else 'bias'}"] = _side_by_side(kind, letter, tensor)
    return {name: tensor.contiguous().clone() for name, tensor in weights.items()}


def _side_by_side(kind: str, letter: str, tensor: torch.Tensor) -> torch.Tensor:
    """Args: tensor: W_Q, W_K, W_V [head, d_model, d_head], W_O [head, d_head, d_model], b_Q … [head, d_head], b_O."""
    if kind == "b":
        return tensor.flatten()
    return tensor.flatten(0, 1).T if letter == "O" else tensor.transpose(1, 2).flatten(0, 1)
