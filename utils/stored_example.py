"""One question and its forward pass, stored, so that a page can open before the weights are in memory.

What heads would write on the text is stored with it, so that jobs of writing are there at once, too.

It belongs to certain weights, by their hash, and to one prompt, to the letter; for any other it does not exist.
`scripts/build_example.py` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from utils.forward_pass import ForwardPass, Prediction
from utils.measures.written import Write, Writing, Written
from utils.model_config import MODELS
from utils.tokens import Token

WRITTEN = ("has_target", "hits", "logits")  # arrays of a `Written`
EXAMPLES_DIR = Path(__file__).parent / "stored_examples"


@dataclass(frozen=True)
class _AboutWriting:
    """All of what heads would write but its arrays."""

    targets: dict[Write, tuple[Token | None, ...]]
    n_columns: int


@dataclass(frozen=True)
class _About:
    """All of a stored forward pass but its patterns."""

    model_name: str
    weights: str
    prompt: str
    tokens: tuple[Token, ...]
    predictions: tuple[Prediction, ...]
    writing: _AboutWriting | None
    means: str


_ABOUT = TypeAdapter(_About)


def example_path(model: str) -> Path:
    """Where the example of a registered model stands; it need not exist."""
    return EXAMPLES_DIR / f"{MODELS[model].folder}.npz"


def save_example(path: Path, forward: ForwardPass, weights: str, means: str = "") -> None:
    """Store a forward pass. Args: weights: which ones made it, as `name_weights` says. means: which figures of the
    catalogue its writing was told with, as `ModelCatalogue.writing_hash` says."""
    about, written = _about_writing(forward.writing), _arrays(forward.writing)
    about_all = _About(forward.model_name, weights, forward.prompt, forward.tokens, forward.predictions, about, means)
    path.parent.mkdir(exist_ok=True)
    rows, columns = np.tril_indices(len(forward.tokens))  # above it a causal pattern is zero
    below = forward.patterns[..., rows, columns]
    arrays: dict[str, Any] = {"about": np.array(_ABOUT.dump_json(about_all).decode()), "patterns": below, **written}
    np.savez_compressed(path, **arrays)


def _about_writing(writing: Writing | None) -> _AboutWriting | None:
    if writing is None:
        return None
    targets = {write: written.targets for write, written in writing.ways.items()}
    return _AboutWriting(targets, writing.n_columns)


def _arrays(writing: Writing | None) -> dict[str, np.ndarray]:
    if writing is None:
        return {}
    written = {f"{name}_{write.value}": getattr(each, name) for write, each in writing.ways.items() for name in WRITTEN}
    return {"scale": writing.scale, "is_name": writing.is_name, "asks": writing.asks, **written}


def _writing(about: _About, stored: Mapping[str, np.ndarray]) -> Writing | None:
    if about.writing is None:
        return None
    return Writing(
        {
            write: Written(targets=targets, **{name: stored[f"{name}_{write.value}"] for name in WRITTEN})
            for write, targets in about.writing.targets.items()
        },
        scale=stored["scale"],
        is_name=stored["is_name"],
        guess=about.predictions[0].token,
        asks=stored["asks"],
        n_columns=about.writing.n_columns,
    )


def load_example(path: Path, prompt: str, weights: str, means: str = "") -> ForwardPass | None:
    """The stored forward pass of a prompt; None for another prompt, for other weights, or without a file. Without its
    writing where that was told with other figures (means) of the catalogue."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        about = _ABOUT.validate_json(str(stored["about"]))
        if (about.prompt, about.weights) != (prompt, weights):
            return None
        below = stored["patterns"]
        writing = _writing(about, stored) if about.means == means else None
    n_tokens = len(about.tokens)
    patterns = np.zeros((*below.shape[:2], n_tokens, n_tokens), dtype=np.float32)
    rows, columns = np.tril_indices(n_tokens)
    patterns[..., rows, columns] = below
    patterns.setflags(write=False)
    return ForwardPass(about.model_name, prompt, about.tokens, patterns, about.predictions, notices=(), writing=writing)
