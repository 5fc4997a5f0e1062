"""The real models that tests read, where this computer has them; `make test` fetches the first of them."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from utils.model_config import FIRST_CHOICE, display_name_of
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, load_model_from
from utils.settings import Settings

SMOLLM2, GEMMA3 = FIRST_CHOICE, "google/gemma-3-270m"
ABSENT = "IS NOT HERE, so what is said about it was NOT checked. Run scripts/fetch_model.py --model"


def real_folder(name: str) -> Path:
    """The folder of a real model. Skips the test, saying so loudly, where it is not on this computer."""
    folder = local_model_dir(name, Settings.from_environment())
    if folder is None:
        pytest.skip(f"{display_name_of(name)} {ABSENT} {name}")
    return folder


@functools.cache
def real_model(name: str) -> LoadedModel:
    """A real model, loaded once for all tests. Skips as `real_folder`."""
    return load_model_from(real_folder(name), name)


def settings_with(name: str, data_dir: Path) -> Settings:
    """Settings of a computer that has fetched this real model and nothing else. Skips as `real_folder`."""
    folder = real_folder(name)
    target = data_dir / "models" / folder.name
    target.mkdir(parents=True)
    for path in folder.iterdir():
        try:
            (target / path.name).hardlink_to(path)
        except OSError:  # another file system
            shutil.copy(path, target)
    return Settings(data_dir=data_dir, default_model=name, offline=True)
