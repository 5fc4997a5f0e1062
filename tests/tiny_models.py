"""Tiny random models and tokenizers of every family, and the real one that ships, for tests of what reads models."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from utils.model_config import FAMILIES
from utils.models.loader import LoadedModel, load_model_from
from utils.settings import SHIPPED_MODELS_DIR

N_LAYERS, N_HEADS, D_MODEL = 3, 4, 32
LLAMA_LIKE = {
    "hidden_size": D_MODEL,
    "intermediate_size": 48,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
# One config for each model_type; where query heads may share keys (num_key_value_heads) they really do here.
TINY_CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_positions": 64},
    "gpt_neo": {
        "hidden_size": D_MODEL,
        "num_layers": N_LAYERS,
        "num_heads": N_HEADS,
        "attention_types": [[["global", "local", "global"], 1]],
        "window_size": 5,
        "max_position_embeddings": 64,
    },
    "gpt_neox": {**LLAMA_LIKE, "rotary_pct": 0.25},
    "opt": {
        "hidden_size": D_MODEL,
        "ffn_dim": 48,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": N_HEADS,
        "word_embed_proj_dim": D_MODEL,
        "max_position_embeddings": 64,
    },
    "llama": LLAMA_LIKE,
    "qwen2": LLAMA_LIKE,
    "qwen3": {**LLAMA_LIKE, "head_dim": 16},
    "gemma3_text": {**LLAMA_LIKE, "head_dim": 16, "sliding_window": 5, "query_pre_attn_scalar": 16},
    "mistral": {**LLAMA_LIKE, "sliding_window": 5},
    "phi": LLAMA_LIKE,
    "bloom": {"hidden_size": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS},
    "attention_only": {
        "hidden_size": D_MODEL,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": N_HEADS,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "use_bias": True,
    },
}
FAMILY_OF_TYPE = {model_type: family for family in FAMILIES.values() for model_type in family.model_types}
TRAINING_TEXT = ["the cat sat on the mat and the dog sat on the log", "The cat saw the dog. The dog saw the cat."] * 4


def random_model(model_type: str, vocab_size: int = 97, **others: Any) -> Any:
    """A random model whose patterns are far from even. Token 0 pads, token 1 begins and ends texts."""
    torch.manual_seed(0)
    settings = {"vocab_size": vocab_size, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1, **others}
    config = AutoConfig.for_model(model_type, **{**TINY_CONFIGS[model_type], **settings})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)  # the usual 0.02 would leave all patterns nearly even
    return model


def tiny_model(model_type: str) -> LoadedModel:
    """A random model, loaded as the engine wants it; it has no tokenizer."""
    model: Any = random_model(model_type)
    no_tokenizer: Any = None
    return LoadedModel(model_type, FAMILY_OF_TYPE[model_type], model, no_tokenizer, model.config, start_mark_id=None)


@functools.cache
def readable_tiny_model(model_type: str) -> LoadedModel:
    """A random model with a tokenizer and a start mark (token 1)."""
    tokenizer = byte_level_tokenizer()
    model: Any = random_model(model_type, len(tokenizer))
    return LoadedModel(model_type, FAMILY_OF_TYPE[model_type], model, tokenizer, model.config, start_mark_id=1)


def byte_level_tokenizer(puts_start_mark: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE like GPT-2's: 256 bytes, some words, <pad> = 0 and <|endoftext|> = 1."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = [AddedToken("<pad>", special=True), AddedToken("<|endoftext|>", special=True)]
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(TRAINING_TEXT, trainer)
    if puts_start_mark:
        backend.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def metaspace_tokenizer() -> PreTrainedTokenizerFast:
    """A SentencePiece-like tokenizer as Gemma's: "▁" is a space, bytes are written "<0xE4>"."""
    pieces = ["<pad>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"Tacehtmos."]
    merges = [("c", "a"), ("ca", "t"), ("▁", "cat"), ("h", "e"), ("T", "he")]
    vocabulary = {piece: index for index, piece in enumerate(pieces + [left + right for left, right in merges])}
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", bos_token="<bos>", unk_token="<unk>")


def save_tiny_model(folder: Path, model_type: str = "gpt2", puts_start_mark: bool = False) -> Path:
    """A model's folder as one is downloaded: config, safetensors in half precision, tokenizer. Returns the folder."""
    tokenizer = byte_level_tokenizer(puts_start_mark)
    random_model(model_type, len(tokenizer)).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@functools.cache
def classroom_model() -> LoadedModel:
    """The model that ships. Skips the test, saying so, where its folder is absent."""
    folder = SHIPPED_MODELS_DIR / "classroom-gpt2"
    if not folder.is_dir():
        pytest.skip("models/classroom-gpt2 IS NOT HERE: what is said about the model that ships was NOT checked")
    return load_model_from(folder)
