"""A transformer of attention layers alone, small enough to be understood whole: no MLPs and no norms.

    residual = embedding[token]
    for each layer:  queries and keys read residual + positions, values read residual;  residual += attention
    logits = residual @ unembedding

Positions are added to what queries and keys read, in every layer, and never to what values read ("shortformer"
positions, Press et al. 2021), so a head can look by position yet can only write what tokens are. Embedding and
unembedding are two matrices. Without norms and MLPs the paths of Elhage et al. 2021 ("A Mathematical Framework for
Transformer Circuits") are exact here, not approximate. Importing this module makes the model known to transformers'
`AutoModelForCausalLM`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

MODEL_TYPE = "attention_only"


class AttentionOnlyConfig(PreTrainedConfig):
    """Shape of the model. use_bias: whether queries, keys, values, outputs and unembedding have biases."""

    model_type = MODEL_TYPE

    vocab_size: int = 4096
    hidden_size: int = 256
    num_hidden_layers: int = 2
    num_attention_heads: int = 8
    head_dim: int = 32
    max_position_embeddings: int = 256
    use_bias: bool = False
    initializer_range: float = 0.06
    tie_word_embeddings: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None


class Attention(nn.Module):
    """The heads of one layer. `query`, `key`, `value` read [.., d_model] and give all heads side by side."""

    def __init__(self, config: AttentionOnlyConfig):
        super().__init__()
        self.n_heads, self.d_head = config.num_attention_heads, config.head_dim
        wide, bias = self.n_heads * self.d_head, config.use_bias
        self.query = nn.Linear(config.hidden_size, wide, bias=bias)
        self.key = nn.Linear(config.hidden_size, wide, bias=bias)
        self.value = nn.Linear(config.hidden_size, wide, bias=bias)
        self.output = nn.Linear(wide, config.hidden_size, bias=bias)

    def forward(
        self, residual: torch.Tensor, positions: torch.Tensor, is_hidden: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the heads add to the stream, [batch, position, d_model], and patterns [batch, head, query, key].

        Args: positions: [position, d_model]. is_hidden: bool [batch or 1, 1, query, key], where a query may not look.
        """
        where = residual + positions
        queries, keys = self._split(self.query(where)), self._split(self.key(where))
        scores = queries @ keys.transpose(-1, -2) / self.d_head**0.5
        pattern = scores.masked_fill(is_hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
        values = pattern @ self._split(self.value(residual))
        return self.output(values.transpose(1, 2).flatten(-2)), pattern

    def _split(self, side_by_side: torch.Tensor) -> torch.Tensor:
        return side_by_side.unflatten(-1, (self.n_heads, self.d_head)).transpose(1, 2)


class Layer(nn.Module):
    """One attention layer and the stream that it adds to."""

    def __init__(self, config: AttentionOnlyConfig):
        super().__init__()
        self.attention = Attention(config)

    def forward(
        self, residual: torch.Tensor, positions: torch.Tensor, is_hidden: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The stream after this layer, and its patterns. Args: as `Attention.forward`."""
        written, pattern = self.attention(residual, positions, is_hidden)
        return residual + written, pattern


class AttentionOnlyForCausalLM(PreTrainedModel):
    """The model with its next-token logits, loaded and saved as any transformers model."""

    config_class = AttentionOnlyConfig
    config: AttentionOnlyConfig

    def __init__(self, config: AttentionOnlyConfig):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.final = nn.Identity()  # where other models have their last norm
        self.unembed = nn.Linear(config.hidden_size, config.vocab_size, bias=config.use_bias)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embed

    def get_output_embeddings(self) -> nn.Linear:
        return self.unembed

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int = 0,
        output_attentions: bool = False,
        **_options: Any,
    ) -> CausalLMOutput:
        """Read a batch.

        Args: input_ids, attention_mask: [batch, position], the mask 0 for padding on the right. inputs_embeds:
        [batch, position, d_model] in place of ids. labels: ids, for the mean next-token loss in nats. logits_to_keep:
        only so many last positions, 0 for all. output_attentions: whether to give the patterns. Other options, such
        as use_cache, have no effect: nothing is cached.
        """
        residual = self.embed(input_ids) if inputs_embeds is None else inputs_embeds
        n_positions = residual.shape[1]
        positions = self.positions.weight[:n_positions]
        is_hidden = _hidden(n_positions, attention_mask, residual.device)
        patterns = []
        for layer in self.layers:
            residual, pattern = layer(residual, positions, is_hidden)
            patterns.append(pattern)
        logits = self.unembed(self.final(residual)[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return CausalLMOutput(loss=loss, logits=logits, attentions=tuple(patterns) if output_attentions else None)


def _hidden(n_positions: int, attention_mask: torch.Tensor | None, device: torch.device) -> torch.Tensor:
    """True where a query may not look: at later positions and at padding."""
    later = torch.ones(n_positions, n_positions, dtype=torch.bool, device=device).triu(1)[None, None]
    return later if attention_mask is None else later | (attention_mask == 0)[:, None, None, :]


AutoConfig.register(MODEL_TYPE, AttentionOnlyConfig)
AutoModelForCausalLM.register(AttentionOnlyConfig, AttentionOnlyForCausalLM)
