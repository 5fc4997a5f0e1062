"""What stands in for a head that is off: its mean over reference texts, or its values on another text.

The reference texts are the catalogue's sentences (`utils/catalogue/sentences.txt`). The mean has two parts, because the
first position is unlike all others: a head can look only at itself there, and many models give it values of a size
that no other has. The first position gets the mean over first positions, each later one the mean over all later ones.

`scripts/build_reference_means.py` stores the means of a model; without that they are computed at the first question
and kept with the other results.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from utils.catalogue.inputs import varied_texts
from utils.experiments.questions import Method
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel
from utils.models.weights import remembered_weights_name
from utils.pyvene_engine import capture_head_values
from utils.result_cache import Progress, nobody_asks
from utils.settings import Settings

LOG = logging.getLogger(__name__)
RESAMPLE_SEED = 0
TOKENS_AT_ONCE = 512  # of one pass, so that others who use the model do not wait long

TokenIds = Sequence[int]


@dataclass(frozen=True, eq=False)
class MeanValues:
    """What each head hands on, on average. Args: first, later: [layer, head, d_head], float32."""

    first: torch.Tensor
    later: torch.Tensor

    def at(self, n_positions: int) -> torch.Tensor:
        """For a text of so many positions: [layer, head, position, d_head]."""
        later = self.later[:, :, None].expand(-1, -1, n_positions - 1, -1)
        return torch.cat([self.first[:, :, None], later], dim=2)


def reference_texts(loaded: LoadedModel) -> list[list[int]]:
    """Token ids of the reference sentences, each after the model's start mark, cut at what the model can read."""
    texts = varied_texts(loaded.adapter)
    encoded = (loaded.tokenizer.encode(text, add_special_tokens=False) for text in texts)
    return [[*loaded.start_ids, *ids][: loaded.max_positions] for ids in encoded]


def mean_values(loaded: LoadedModel, texts: Sequence[TokenIds], progress: Progress | None = None) -> MeanValues:
    """The mean over texts; every position but the first counts the same.

    Args: texts: at least one of two positions. progress: called with texts read and texts in all, after each pass.
    """
    shape = (*loaded.shape.as_tuple, loaded.family.d_head(loaded.config))
    first, later = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    ordered = sorted(texts, key=len)
    while ordered:
        n_at_once = max(1, TOKENS_AT_ONCE // len(ordered[-1]))
        batch, ordered = ordered[-n_at_once:], ordered[:-n_at_once]
        for ids, values in zip(batch, capture_head_values(loaded, padded(batch)), strict=True):
            first += values[:, :, 0]
            later += values[:, :, 1 : len(ids)].sum(dim=2, dtype=torch.float64)
        (progress or nobody_asks)(len(texts) - len(ordered), len(texts))
    n_later = sum(len(ids) - 1 for ids in texts)
    return MeanValues((first / len(texts)).float(), (later / n_later).float())


def padded(batch: Sequence[TokenIds]) -> torch.Tensor:
    """Ids [text, position], padded on the right, where no token of the text can see it."""
    longest = max(map(len, batch))
    return torch.tensor([[*ids, *[ids[0]] * (longest - len(ids))] for ids in batch])


def other_text(texts: Sequence[TokenIds], start_mark_id: int | None, n_positions: int) -> list[int]:
    """Ids for resample ablation: the reference texts in a drawn order, one after the other, cut to the length needed.

    The start mark, if there is one, stands at position 0 and nowhere else. The order is the same at every call.
    """
    start = [] if start_mark_id is None else [start_mark_id]
    order = np.random.default_rng(RESAMPLE_SEED).permutation(len(texts))
    body = [token_id for index in order for token_id in texts[index][len(start) :]]
    n_times = -(-n_positions // len(body))
    return [*start, *body * n_times][:n_positions]


def replacement_values(
    loaded: LoadedModel, method: Method, n_positions: int, texts: Sequence[TokenIds], means: MeanValues | None = None
) -> torch.Tensor | None:
    """What every head of the model hands on when it is off, [layer, head, position, d_head]; None for zeros.

    Args: texts: reference texts. means: their means, where they are known already.
    """
    if method is Method.ZERO:
        return None
    if method is Method.MEAN:
        return (means or mean_values(loaded, texts)).at(n_positions)
    other = other_text(texts, loaded.start_mark_id, n_positions)
    return capture_head_values(loaded, torch.tensor([other]))[0]


def reference_means(loaded: LoadedModel, settings: Settings, progress: Progress | None = None) -> MeanValues:
    """The means of a model over the reference texts: from the data directory, else computed, as `mean_values`."""
    texts, folder = reference_texts(loaded), local_model_dir(loaded.name, settings)
    stored = None
    if folder is not None:
        stored = load_means(means_path(loaded.name, settings), remembered_weights_name(folder), texts)
    return stored or mean_values(loaded, texts, progress)


def means_path(model: str, settings: Settings) -> Path:
    """Where a model's stored means are; the file need not exist."""
    return settings.data_dir / "reference_means" / f"{model.replace('/', '--')}.safetensors"


def save_means(path: Path, means: MeanValues, weights: str, texts: Sequence[TokenIds]) -> None:
    """Store means. Args: weights: which weights they are of, as `models.weights.name_weights` says it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"first": means.first.contiguous(), "later": means.later.contiguous()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"weights": weights, "texts": _hash(texts)})
    partial.replace(path)


def load_means(path: Path, weights: str, texts: Sequence[TokenIds]) -> MeanValues | None:
    """Stored means, if they are of these weights and texts; None, with a line in the log, where they are not."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if file.metadata() == {"weights": weights, "texts": _hash(texts)}:
                return MeanValues(file.get_tensor("first"), file.get_tensor("later"))
            LOG.warning("The stored means in %s are of other weights or texts and are not used.", path.name)
    except (OSError, SafetensorError):
        LOG.exception("The stored means in %s cannot be read and are computed again.", path.name)
    return None


def _hash(texts: Sequence[TokenIds]) -> str:
    ids = json.dumps([list(map(int, text)) for text in texts], separators=(",", ":"))
    return "sha256:" + hashlib.sha256(ids.encode()).hexdigest()
