#!/usr/bin/env python3
"""Compute GPT-2's circuits from its attention weights, into the small file that comes with Headlight.

    python scripts/build_circuits.py --weights model.safetensors [--output FILE]

The file with the weights needs no more than `attn.c_attn`, `attn.c_proj` and `ln_1` of every layer and `wpe`, named as
in the model on the hub. Nothing is written unless the OV copying scores are those that were published.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.circuits.composition import Composition, compute_composition
from utils.circuits.head_circuits import ModelCircuits, compute_model_circuits
from utils.circuits.pair_products import KINDS
from utils.circuits.shipped import FILES, FOLDER, ShippedCircuits, save_shipped
from utils.circuits.weights import HeadWeights, model_weights
from utils.errors import UserError
from utils.heads import Shape
from utils.literature.copying import copying_matrix, published_copying
from utils.model_config import FAMILIES
from utils.models.loader import LoadedModel

MODEL = "gpt2"
D_HEAD = 64  # of every GPT-2
LARGEST_DIFFERENCE = 0.005
NEEDED = re.compile(r"(h\.\d+\.(attn\.c_attn|attn\.c_proj|ln_1)|wpe)\.(weight|bias)")


def attention_of(weights: dict[str, torch.Tensor]) -> LoadedModel:
    """A GPT-2 with these attention weights. It has no vocabulary and no MLPs to speak of, and cannot read a text.

    Raises: UserError when some of the weights are not there.
    """
    named = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    needed = {f"transformer.{name}": weight for name, weight in named.items() if NEEDED.fullmatch(name)}
    if "transformer.wpe.weight" not in needed:
        raise UserError("The file holds no position embeddings (wpe).", "Pass the safetensors file of GPT-2.")
    n_positions, d_model = needed["transformer.wpe.weight"].shape
    config = GPT2Config(
        n_layer=len([name for name in needed if name.endswith("c_attn.weight")]),
        n_head=d_model // D_HEAD,
        n_embd=d_model,
        n_positions=n_positions,
        n_inner=1,
        vocab_size=1,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval().requires_grad_(False)
    missing = [name for name in model.load_state_dict(needed, strict=False).missing_keys if _is_needed(name)]
    if missing:
        raise UserError(f"The file lacks {missing[0]}.", "Pass the safetensors file of GPT-2.")
    no_tokenizer: Any = None
    return LoadedModel(MODEL, FAMILIES["gpt2"], model, no_tokenizer, config, None)


def _is_needed(name: str) -> bool:
    return NEEDED.fullmatch(name.removeprefix("transformer.")) is not None


def compose(heads: HeadWeights, shape: Shape, kind: str) -> Composition:
    """All pairs of one kind, with a progress bar."""
    with tqdm(desc=f"{kind}-composition", unit="pair") as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return compute_composition(heads, shape, kind, show)


def check_against_published(circuits: ModelCircuits) -> float:
    """The largest difference to the published copying scores. Raises: UserError when it is more than 0.005."""
    published = published_copying(MODEL)
    if published is None or circuits.copying_scores.shape != copying_matrix(published.ov).shape:
        raise UserError("These are not the weights of GPT-2 small.", "Pass the safetensors file of GPT-2.")
    difference = float(abs(circuits.copying_scores - copying_matrix(published.ov)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise UserError(
            f"The copying scores differ from the published ones by {difference:.3f}. Nothing was written.",
            "Check that these are the weights of GPT-2 small.",
        )
    return difference


def build(weights: Path, output: Path) -> float:
    """Compute and write. Returns the largest difference to the published copying scores. Raises: UserError."""
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{weights.name} cannot be read: {error}.", "Pass a safetensors file.") from error
    loaded = attention_of(tensors)
    circuits = compute_model_circuits(loaded)
    difference = check_against_published(circuits)
    heads = model_weights(loaded)
    compositions = {kind: compose(heads, loaded.shape, kind) for kind in KINDS}
    save_shipped(output, ShippedCircuits(source_of(weights, tensors), circuits, compositions))
    return difference


def source_of(weights: Path, tensors: dict[str, torch.Tensor]) -> str:
    """Which weights the numbers are from."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    dtype = next(tensor.dtype for name, tensor in tensors.items() if name.endswith("c_attn.weight"))
    precision = str(dtype).removeprefix("torch.")
    return f"GPT-2 small (124M, OpenAI, modified MIT licence), attention weights in {precision}, sha256:{digest}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when the file could not be built, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="safetensors file with GPT-2's attention weights")
    parser.add_argument("--output", type=Path, default=FOLDER / FILES[MODEL])
    options = parser.parse_args(arguments)
    try:
        difference = build(options.weights, options.output)
    except UserError as error:
        print(f"{error.sentence} {error.hint}", file=sys.stderr)
        return 1
    size = options.output.stat().st_size // 1024
    print(f"{options.output}: {size} KB, copying scores within {difference:.5f} of the published ones")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
