#!/usr/bin/env python3
"""Train a classroom model: a small language model whose attention heads grow known roles.

    python scripts/train_classroom_model.py --text DIRECTORY --model classroom-gpt2

Reads every `.txt` file of the directory, trains a tokenizer and a model, and writes safetensors in half precision,
the tokenizer and the config to `models/NAME`. Interrupted runs continue from `--work` (tokenizer, tokens, newest
checkpoint). What helps roles to grow, and was measured: a start mark on every row, sinusoidal position embeddings
to begin with, the Muon optimizer (Jordan et al. 2024) on the matrices inside the blocks, and rows with repeats
(`training_text.py`). `scripts/write_model_card.py` then measures the result.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    StableLmConfig,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.training_text import (
    START_ID,
    START_MARK,
    Corpus,
    RowSampler,
    read_documents,
    tokenize_corpus,
    train_tokenizer,
)
from scripts.training_tunes import START_LABEL, TuneSampler, held_out_tunes, note_labels, tune_texts
from utils.models.adapter import FILE_NAME, Adapter
from utils.models.attention_only import AttentionOnlyConfig

VOCAB_SIZE = 4096
TUNES = "classroom-tunes"
CONTEXT = 256
MOSTLY_NATURAL = {"natural": 0.60, "repeat": 0.36, "names": 0.04}
HALF_REPEATS = {"natural": 0.50, "repeat": 0.50}
MOSTLY_REPEATS = {"natural": 0.30, "repeat": 0.66, "names": 0.04}


@dataclass(frozen=True)
class Recipe:
    """How long and how fast one model trains. Rows alternate between two shapes of equal token count.

    phases: (first step, shares of the row kinds), in order.
    """

    steps: int
    batch_tokens: int = 2048
    short_row: int = 128
    long_row: int = 256
    long_every: int = 4
    muon_lr: float = 0.02
    adamw_lr: float = 3e-3
    warmup_steps: int = 100
    seed: int = 0
    phases: tuple[tuple[int, dict[str, float]], ...] = ((0, MOSTLY_NATURAL),)

    def row_length(self, step: int) -> int:
        return self.long_row if step % self.long_every == self.long_every - 1 else self.short_row

    def row_shares(self, step: int) -> dict[str, float]:
        return [shares for first, shares in self.phases if first <= step][-1]


class Rows(Protocol):
    """Where training rows come from: `training_text.RowSampler`, `training_tunes.TuneSampler`."""

    rng: np.random.Generator

    def batch(self, rows: int, length: int, shares: Mapping[str, float]) -> np.ndarray:
        """Token ids [rows, length]; column 0 is the start mark."""


@dataclass(frozen=True)
class Task:
    """What a model learns to foresee. held_out: ids that no row holds. add_files: puts into a model's folder what
    turns its ids into text, or into labels. facts: for `training.json`."""

    rows: Rows
    held_out: np.ndarray
    add_files: Callable[[Path], object]
    facts: dict[str, Any]


@dataclass
class History:
    """What happened in a run and in the runs that it continued.

    phases: for every change of the recipe [first step, planned steps, row shares]. losses: [step, held-out loss].
    """

    phases: list = field(default_factory=list)
    losses: list = field(default_factory=list)

    def note_phase(self, step: int, recipe: Recipe) -> None:
        """Note what holds from this step on, unless it held already."""
        shares = recipe.row_shares(step)
        if not self.phases or self.phases[-1][1:] != [recipe.steps, shares]:
            self.phases.append([step, recipe.steps, dict(shares)])


COMMON = {"vocab_size": VOCAB_SIZE, "bos_token_id": START_ID, "eos_token_id": START_ID}
SMALL = {"hidden_size": 192, "num_hidden_layers": 3, "num_attention_heads": 6, "max_position_embeddings": CONTEXT}
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
TIED = {"tie_word_embeddings": True}
ATTENTION_ONLY = COMMON | {"max_position_embeddings": CONTEXT}
NOTES = {
    "vocab_size": len(note_labels()),
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": CONTEXT,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0},
    "bos_token_id": 0,
    "eos_token_id": None,
}
OPT_ONLY = {
    "ffn_dim": 768,
    "word_embed_proj_dim": 192,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "layerdrop": 0.0,
    "pad_token_id": None,
}
# The architecture of each classroom model: the class of its config, and what differs from that class's own values.
ARCHITECTURES: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
    "classroom-gpt2": (
        GPT2Config,
        {"n_positions": CONTEXT, "n_embd": 256, "n_layer": 4, "n_head": 8} | NO_DROPOUT | COMMON,
    ),
    "classroom-qwen2": (Qwen2Config, {"num_key_value_heads": 3, "intermediate_size": 512} | TIED | SMALL | COMMON),
    "classroom-neox": (
        GPTNeoXConfig,
        {"intermediate_size": 768, "use_parallel_residual": True} | TIED | SMALL | COMMON,
    ),
    "classroom-opt": (OPTConfig, OPT_ONLY | TIED | SMALL | COMMON),
    TUNES: (StableLmConfig, NOTES | TIED),
    "classroom-attn-1l": (AttentionOnlyConfig, ATTENTION_ONLY | {"num_hidden_layers": 1}),
    "classroom-attn-2l": (AttentionOnlyConfig, ATTENTION_ONLY | {"num_hidden_layers": 2}),
}


def model_config(name: str) -> PreTrainedConfig:
    """The architecture of a classroom model, its first weights spread as its training needs it. Raises KeyError for a
    name that is not one."""
    kind, values = ARCHITECTURES[name]
    config = kind(**values)
    config.initializer_range = 0.06
    if hasattr(config, "init_std"):
        config.init_std = 0.06
    return config


# Small models grow induction heads within minutes when most rows repeat, once natural text has given them a
# previous-token head; natural text then mends their English.
SMALL_MODEL_PHASES = ((0, MOSTLY_NATURAL), (750, MOSTLY_REPEATS), (2000, MOSTLY_NATURAL))
RECIPES = {
    "classroom-gpt2": Recipe(steps=7000),
    "classroom-qwen2": Recipe(
        steps=5250, seed=1, phases=((0, MOSTLY_NATURAL), (2250, MOSTLY_REPEATS), (4250, MOSTLY_NATURAL))
    ),
    "classroom-neox": Recipe(steps=3250, seed=2, phases=SMALL_MODEL_PHASES),
    "classroom-opt": Recipe(steps=2600, seed=3, phases=SMALL_MODEL_PHASES),
    # The pair differs in its layers alone: the same rows in the same order.
    TUNES: Recipe(steps=3000, seed=5, phases=((0, {"natural": 0.5, "repeat": 0.5}),)),
    "classroom-attn-1l": Recipe(steps=4000, seed=4, phases=((0, HALF_REPEATS),)),
    "classroom-attn-2l": Recipe(steps=4000, seed=4, phases=((0, HALF_REPEATS),)),
}


def build_model(name: str, seed: int) -> PreTrainedModel:
    """A fresh model; learned position embeddings start as sinusoids of the size of the token embeddings."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(model_config(name))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if any(word in parameter_name for word in ("wpe", "embed_positions", "positions.weight")):
                parameter.copy_(_sinusoids(*parameter.shape) * model.config.initializer_range)
    return model


def _sinusoids(n_positions: int, d_model: int) -> torch.Tensor:
    """Position waves (Vaswani et al. 2017), scaled to a standard deviation of 1."""
    positions = torch.arange(n_positions)[:, None]
    rates = torch.exp(-math.log(10_000) * torch.arange(0, d_model, 2) / d_model)
    waves = torch.cat([torch.sin(positions * rates), torch.cos(positions * rates)], dim=1)
    return waves * math.sqrt(2)


def build_optimizers(model: PreTrainedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, norms, biases and the unembedding."""
    inside = {
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and (".h." in name or "layers." in name)
    }
    matrices = [parameter for name, parameter in model.named_parameters() if name in inside]
    others = [parameter for name, parameter in model.named_parameters() if name not in inside]
    return [
        torch.optim.Muon(matrices, lr=recipe.muon_lr, weight_decay=0.0),
        torch.optim.AdamW(others, lr=recipe.adamw_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to 5 %."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def held_out_loss(model: PreTrainedModel, held_out: np.ndarray, windows: int, length: int = 128) -> float:
    """Mean next-token loss in nats on evenly spaced held-out windows, each after a start mark."""
    starts = np.linspace(0, len(held_out) - length, windows).astype(int)
    device = next(model.parameters()).device
    total = 0.0
    with torch.no_grad():
        for chunk in np.array_split(starts, max(1, windows // 16)):
            rows = np.stack([np.concatenate(([START_ID], held_out[s : s + length])) for s in chunk])
            ids = torch.from_numpy(rows).to(device)
            total += model(input_ids=ids, labels=ids).loss.item() * len(chunk)
    return total / windows


def prepare_text(text_dir: Path, work_dir: Path) -> tuple[Tokenizer, Corpus]:
    """Tokenizer and tokens, made once and kept in the work directory."""
    tokenizer_path, tokens_path = work_dir / "tokenizer.json", work_dir / "tokens.npz"
    if tokens_path.exists():
        stored = np.load(tokens_path)
        corpus = Corpus(stored["train"], stored["held_out"], tuple(stored["files"]))
        return Tokenizer.from_file(str(tokenizer_path)), corpus
    documents = read_documents(text_dir)
    tokenizer = train_tokenizer((text for texts in documents.values() for text in texts), VOCAB_SIZE)
    corpus = tokenize_corpus(documents, tokenizer)
    tokenizer.save(str(tokenizer_path))
    np.savez(tokens_path, train=corpus.train, held_out=corpus.held_out, files=np.array(corpus.files))
    return tokenizer, corpus


def text_task(text_dir: Path, work_dir: Path, seed: int) -> Task:
    """English text, read as byte-level tokens."""
    tokenizer, corpus = prepare_text(text_dir, work_dir)

    def add_tokenizer(folder: Path) -> None:
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=START_MARK, eos_token=START_MARK, model_max_length=CONTEXT
        ).save_pretrained(folder)

    return Task(
        rows=RowSampler(corpus.train, tokenizer, np.random.default_rng(seed)),
        held_out=corpus.held_out,
        add_files=add_tokenizer,
        facts={"corpus_tokens": len(corpus.train), "corpus_files": list(corpus.files)},
    )


def tunes_task(seed: int) -> Task:
    """Made-up tunes, read note by note."""
    adapter = Adapter(
        tokens_are="notes",
        labels=tuple(note_labels()),
        start_label=START_LABEL,
        test_texts=tuple(tune_texts(30, seed)),
        prompts=tuple(tune_texts(24, seed + 1)),
        family={"like": "llama", "display_name": "StableLM", "norm": "layer", "start_mark": "one"},
    )
    return Task(
        rows=TuneSampler(np.random.default_rng(seed)),
        held_out=held_out_tunes(50_000, seed),
        add_files=lambda folder: (folder / FILE_NAME).write_text(adapter.model_dump_json(indent=1), encoding="utf-8"),
        facts={"made_by": "scripts/training_tunes.py"},
    )


def save_checkpoint(path: Path, model, optimizers, sampler: Rows, step: int, history: History) -> None:
    """Written beside the old file and then renamed, so that an interruption never leaves half a checkpoint."""
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "rows": json.dumps(sampler.rng.bit_generator.state),
        "step": step,
        "history": asdict(history),
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path, model, optimizers, sampler: Rows) -> tuple[int, History]:
    """Restores model, optimizers and row sampler; returns the next step and the history, empty at first."""
    if not path.exists():
        return 0, History()
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, optimizer_state in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(optimizer_state)
    sampler.rng.bit_generator.state = json.loads(state["rows"])
    return state["step"], History(**state["history"])


def train(name: str, recipe: Recipe, task: Task, work_dir: Path, args) -> tuple[PreTrainedModel, History]:
    """Train to `recipe.steps`, with a checkpoint every `args.checkpoint_every` steps; returns model and history."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = build_model(name, recipe.seed).to(device)  # type: ignore[arg-type]
    optimizers = build_optimizers(model, recipe)
    base_rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    checkpoint = work_dir / f"{name}.pt"
    first_step, history = load_checkpoint(checkpoint, model, optimizers, task.rows)
    forward = torch.compile(model) if args.compile else model

    if args.keep_every and first_step == 0:
        keep(model, task, work_dir, name, 0)
    bar = tqdm(range(first_step, recipe.steps), initial=first_step, total=recipe.steps, desc=name, mininterval=10)
    for step in bar:
        factor = learning_rate_factor(step, recipe)
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        for group, rate in zip(groups, base_rates, strict=True):
            group["lr"] = rate * factor
        history.note_phase(step, recipe)
        length = recipe.row_length(step)
        rows = task.rows.batch(recipe.batch_tokens // length, length, recipe.row_shares(step))
        ids = torch.from_numpy(rows).to(device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=args.bfloat16):
            loss = forward(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if args.keep_every and (step + 1) % args.keep_every == 0:
            keep(model, task, work_dir, name, step + 1)
        if (step + 1) % args.checkpoint_every == 0 or step + 1 == recipe.steps:
            model.eval()
            history.losses.append([step + 1, held_out_loss(model, task.held_out, windows=64)])
            model.train()
            save_checkpoint(checkpoint, model, optimizers, task.rows, step + 1, history)
            bar.set_postfix(held_out=f"{history.losses[-1][1]:.3f}")
    return model, history


def keep(model: PreTrainedModel, task: Task, work_dir: Path, name: str, step: int) -> None:
    """The model as it is now, in a folder of its own, `NAME-steps/000200`, for a look at how its heads grew."""
    save_half(copy.deepcopy(model), task, work_dir / f"{name}-steps" / f"{step:06d}")


def save_half(model: PreTrainedModel, task: Task, folder: Path) -> None:
    """Half-precision safetensors, config and tokenizer or labels; the model itself becomes half-precision."""
    folder.mkdir(parents=True, exist_ok=True)
    model.to("cpu", torch.float16).save_pretrained(folder)  # type: ignore[arg-type]
    task.add_files(folder)


def export(model: PreTrainedModel, task: Task, folder: Path, provenance: dict) -> None:
    """The finished model, and `training.json` with the facts that the card needs."""
    save_half(model, task, folder)
    (folder / "training.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, help="directory of .txt files; tunes need none")
    parser.add_argument("--model", choices=sorted(RECIPES), default="classroom-gpt2")
    parser.add_argument("--output", type=Path, help="where the model goes (default: models/NAME)")
    parser.add_argument("--work", type=Path, default=Path("training"), help="tokens and checkpoints, to resume from")
    parser.add_argument("--steps", type=int, help="override the recipe's number of steps")
    parser.add_argument("--checkpoint-every", type=int, default=250)
    parser.add_argument("--keep-every", type=int, default=0, help="also keep a loadable copy every so many steps")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision; faster on a GPU or a CPU with AMX")
    parser.add_argument("--compile", action="store_true", help="torch.compile; slower start, faster steps")
    args = parser.parse_args()

    recipe = RECIPES[args.model]
    if args.steps:
        recipe = Recipe(**{**asdict(recipe), "steps": args.steps})
    args.work.mkdir(parents=True, exist_ok=True)
    if args.text is None and args.model != TUNES:
        parser.error("--text is missing: the directory of .txt files to train on")
    task = tunes_task(recipe.seed) if args.model == TUNES else text_task(args.text, args.work, recipe.seed)
    model, history = train(args.model, recipe, task, args.work, args)
    provenance = {
        "model": args.model,
        "recipe": asdict(recipe),
        "tokens_trained_on": recipe.steps * recipe.batch_tokens,
        **task.facts,
        **asdict(history),
    }
    export(model, task, args.output or Path("models") / args.model, provenance)


if __name__ == "__main__":
    main()
