"""Which model a page opens on."""

from __future__ import annotations

from dataclasses import replace

from utils.model_config import BEST_FIRST
from utils.models.files import local_model_dir
from utils.settings import Settings


def with_best_default(settings: Settings) -> Settings:
    """The settings with the best model of those that are here as the default, unless the operator named one."""
    if settings.default_model:
        return settings
    here = (name for name in BEST_FIRST if local_model_dir(name, settings) is not None)
    return replace(settings, default_model=next(here, BEST_FIRST[-1]))
