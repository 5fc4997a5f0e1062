"""The sizes that a text meets on its way through a model, from its config alone: no weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass

from utils.model_config import Positions
from utils.models.boundary import read_config
from utils.models.files import local_model_dir
from utils.settings import Settings


@dataclass(frozen=True)
class Anatomy:
    """d_model: numbers that each token is, all through the model. n_vocabulary: tokens that it knows."""

    d_model: int
    n_vocabulary: int
    has_mlps: bool
    positions: Positions


def anatomy_of(model: str, settings: Settings) -> Anatomy | None:
    """The anatomy of a model; None where its files are not on this computer. Raises UserError as `read_config`."""
    folder = local_model_dir(model, settings)
    if folder is None:
        return None
    config, family = read_config(folder, model)
    return Anatomy(
        d_model=int(config.hidden_size),
        n_vocabulary=int(config.vocab_size),
        has_mlps=family.mlp_output_path is not None,
        positions=family.positions,
    )
