"""Circuits of GPT-2 small that come with Headlight, so that they can be seen without its weights.

`gpt2_circuits.npz` is written by `scripts/build_circuits.py` from GPT-2's attention weights and says in `source` from
which. It holds numbers and text only and is read without pickle. Fits are float32, spectra and kernels float16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from utils.circuits.baseline import RandomFit
from utils.circuits.composition import Composition, assemble
from utils.circuits.head_circuits import ModelCircuits
from utils.circuits.pair_products import KINDS
from utils.heads import Shape

FOLDER = Path(__file__).parent
FILES = {"gpt2": "gpt2_circuits.npz"}


@dataclass(frozen=True, eq=False)
class ShippedCircuits:
    """One model's results. source: whose weights they were computed from."""

    source: str
    circuits: ModelCircuits
    compositions: Mapping[str, Composition]


def shipped_circuits(model: str) -> ShippedCircuits | None:
    """What comes with Headlight about a model, None for most."""
    return _load(FOLDER / FILES[model]) if model in FILES else None


def save_shipped(path: Path, shipped: ShippedCircuits) -> None:
    """Write the file that `shipped_circuits` reads. Pairs whose writer is not earlier are left out."""
    circuits, first = shipped.circuits, shipped.compositions["Q"]
    is_pair = _is_pair(circuits.shape)
    arrays = {
        "source": np.array(shipped.source),
        "norm_note": np.array(circuits.norm_note),
        "position_note": np.array(circuits.position_note),
        "copying_scores": circuits.copying_scores,
        "qk_singular_values": circuits.qk_singular_values.astype(np.float16),
        "ov_singular_values": circuits.ov_singular_values.astype(np.float16),
        "random_fit": np.array([first.baseline, first.baseline_spread, first.random_breadth]),
    }
    if circuits.positional_kernels is not None:
        arrays["positional_kernels"] = circuits.positional_kernels.astype(np.float16)
    for kind, composition in shipped.compositions.items():
        arrays[f"scores_{kind}"] = composition.scores[is_pair].astype(np.float32)
        arrays[f"breadth_{kind}"] = composition.breadth[is_pair].astype(np.float32)
    np.savez_compressed(path, allow_pickle=False, **arrays)


@cache
def _load(path: Path) -> ShippedCircuits:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    kernels = arrays.get("positional_kernels")
    circuits = ModelCircuits(
        copying_scores=_single(arrays["copying_scores"]),
        qk_singular_values=_single(arrays["qk_singular_values"]),
        ov_singular_values=_single(arrays["ov_singular_values"]),
        positional_kernels=None if kernels is None else _single(kernels),
        norm_note=str(arrays["norm_note"]),
        position_note=str(arrays["position_note"]),
    )
    compositions = {kind: _composition(kind, arrays, circuits) for kind in KINDS}
    return ShippedCircuits(str(arrays["source"]), circuits, compositions)


def _composition(kind: str, arrays: Mapping[str, np.ndarray], circuits: ModelCircuits) -> Composition:
    is_pair = _is_pair(circuits.shape)
    scores, breadth = (np.full(is_pair.shape, np.nan, dtype=np.float32) for _ in range(2))
    scores[is_pair], breadth[is_pair] = arrays[f"scores_{kind}"], arrays[f"breadth_{kind}"]
    random = RandomFit(*map(float, arrays["random_fit"]))
    return assemble(kind, circuits.shape, scores, breadth, random, circuits.qk_singular_values.shape[-1])


def _is_pair(shape: Shape) -> np.ndarray:
    """[writer, reader], over `Shape.index`: whether the writer is in an earlier layer."""
    layer = np.array([head.layer for head in shape.all()])
    earlier: np.ndarray = layer[:, None] < layer[None, :]
    return earlier


def _single(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.float32)
    array.setflags(write=False)
    return array
