"""The boundary at which a model's files are read: whatever is wrong with them ends here as one sentence.

transformers, tokenizers, safetensors and the disk raise exceptions of every kind, bare `Exception` included. The log
has the trace; the reader gets the model, what is wrong, and what to do next.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from utils.errors import UserError
from utils.model_config import Family
from utils.models.adapter import family_in
from utils.models.weights import layers_in_weights, weight_names

LOG = logging.getLogger(__name__)
BUILDING = threading.Lock()
"""Held while transformers builds or reads a model: it changes functions of its own and of torch meanwhile."""
BYTES_PER_WEIGHT = 4  # models are held in float32
WORKING_SHARE = 1.15  # reading takes a little more than what is read
READ_AGAIN = "Copy or download the model again."


@contextmanager
def reading(name: str, what: str = "files") -> Iterator[None]:
    """Turns whatever goes wrong inside into a UserError about that part of a model. A UserError passes as it is."""
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        LOG.exception("Not enough memory to read the %s of %s", what, name)
        raise UserError(
            f"There is not enough memory to read the {what} of {name}.",
            "Close other programs, or choose a smaller model.",
            status=503,
        ) from error
    except FileNotFoundError as error:
        LOG.exception("The %s of %s are gone", what, name)
        raise UserError(
            f"Files of {name} vanished while they were read.", "Put them back, then ask again.", status=503
        ) from error
    except Exception as error:
        LOG.exception("Could not read the %s of %s", what, name)
        raise UserError(
            f"The {what} of {name} cannot be read: damaged, or they do not fit together.", READ_AGAIN, status=503
        ) from error


def read_config(folder: Path, name: str) -> tuple[Any, Family]:
    """A model's config as transformers has it, and its family.

    Raises: UserError for a config.json that cannot be read, an unknown family, or weights that are quantised.
    """
    with reading(name, "settings (config.json)"):
        plain = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(plain, dict):
            raise ValueError("config.json holds no JSON object")
        problem = why_not_read(plain, name)
        if problem is not None:
            raise problem
        family = family_in(folder, str(plain.get("model_type")))
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if str(config.model_type) not in family.model_types:
            raise ValueError("config.json says two model types")
    return config, family


def why_not_read(config: dict[str, Any], name: str) -> UserError | None:
    """What in a config.json says that Headlight cannot read the weights; None where nothing does."""
    quantisation = config.get("quantization_config")
    if not quantisation:
        return None
    method = quantisation.get("quant_method") if isinstance(quantisation, dict) else None
    with_what = f" with {method}" if isinstance(method, str) and re.fullmatch(r"[\w.-]{1,30}", method) else ""
    return UserError(
        f"{name} cannot be read: its weights are quantised{with_what}.",
        "Get the same model with plain weights (16 or 32 bits).",
        status=503,
    )


def check_before_reading(folder: Path, name: str, config: Any, family: Family) -> None:
    """Refuse a model whose config cannot be of its weights, or that does not fit into memory, before it is built.

    Raises: UserError, which says how much memory it needs and how much there is.
    """
    n_layers, n_heads = family.n_layers(config), family.n_heads(config)
    if min(n_layers, n_heads) < 1:
        raise UserError(
            f"The settings (config.json) of {name} say {n_layers} layers and {n_heads} heads.", READ_AGAIN, status=503
        )
    with reading(name, "weights"):
        n_stored = layers_in_weights(folder, family.block_path)
        if n_stored is not None and n_stored != n_layers:
            raise UserError(
                f"The files of {name} do not fit together: config.json says {n_layers} layers, its weights have "
                f"{n_stored}.",
                READ_AGAIN,
                status=503,
            )
        with BUILDING, torch.device("meta"):
            # In float32, the process's own precision: another one would be everybody's while the model is built.
            empty = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        needed = int(sum(weight.numel() for weight in empty.parameters()) * BYTES_PER_WEIGHT * WORKING_SHARE)
        free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"Not enough memory for {name}: it needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free.",
            "Close other programs, or choose a smaller model.",
            status=503,
        )


def check_all_was_read(name: str, info: dict[str, Any], folder: Path) -> None:
    """Refuse weights that lack a matrix, which would be filled with random numbers, or have one too many.

    Args: info: what transformers tells about its loading. Raises: UserError, naming the first of them.
    """
    missing = sorted(info["missing_keys"])
    surplus = sorted(set(info["unexpected_keys"]) & weight_names(folder))
    if not missing and not surplus:
        return
    what = f"{missing[0]} has no value" if missing else f"{surplus[0]} has no place in it"
    raise UserError(f"The files of {name} do not fit together: {what}.", READ_AGAIN, status=503)
