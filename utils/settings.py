"""Every setting, read once from the environment. The README's table of settings lists the same names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SHIPPED_MODELS_DIR = PROJECT_ROOT / "models"
DEFAULT_DATA_DIR = PROJECT_ROOT / "data"


@dataclass(frozen=True)
class Settings:
    """Settings of one running server; see `SETTINGS_HELP` for what each means.

    default_model: from the environment it is empty where the operator named none; `utils/models/default.py` chooses.
    """

    host: str = "127.0.0.1"
    port: int = 8050
    default_model: str = "classroom-gpt2"
    models_dir: Path | None = None
    data_dir: Path = DEFAULT_DATA_DIR
    max_tokens: int = 128
    cache_mb: int = 256
    offline: bool = False
    threads: int = 0

    @classmethod
    def from_environment(cls) -> Settings:
        """Settings from HEADLIGHT_* variables. Raises ValueError with the variable's name for a bad value."""
        models_dir, data_dir = os.environ.get("HEADLIGHT_MODELS_DIR"), os.environ.get("HEADLIGHT_DATA_DIR")
        return cls(
            host=os.environ.get("HOST", cls.host),
            port=_whole_number("PORT", cls.port, 1, 65535),
            default_model=os.environ.get("HEADLIGHT_DEFAULT_MODEL", ""),
            models_dir=Path(models_dir).expanduser() if models_dir else None,
            data_dir=Path(data_dir).expanduser() if data_dir else cls.data_dir,
            max_tokens=_whole_number("HEADLIGHT_MAX_TOKENS", cls.max_tokens, 3, 2048),
            cache_mb=_whole_number("HEADLIGHT_CACHE_MB", cls.cache_mb, 1, 65536),
            offline=os.environ.get("HEADLIGHT_OFFLINE", "") not in ("", "0"),
            threads=_whole_number("HEADLIGHT_THREADS", cls.threads, 0, 256),
        )


SETTINGS_HELP = {
    "HOST": "Address to serve on. Use 0.0.0.0 to let a classroom reach this computer.",
    "PORT": "Port to serve on.",
    "HEADLIGHT_DEFAULT_MODEL": "Model that is chosen when the page opens; without it the best of those that are here.",
    "HEADLIGHT_MODELS_DIR": "Directory in which a model's weights are looked for, one folder per model.",
    "HEADLIGHT_DATA_DIR": "Directory for what is kept on this computer: fetched models, catalogues made here.",
    "HEADLIGHT_MAX_TOKENS": "Longest prompt, in tokens; longer ones are cut with a notice.",
    "HEADLIGHT_CACHE_MB": "Memory for results of recent prompts, in megabytes.",
    "HEADLIGHT_OFFLINE": "Set to 1 to never try the network.",
    "HEADLIGHT_THREADS": "Processor threads for the model; 0 lets PyTorch choose.",
}


def _whole_number(name: str, default: int, low: int, high: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)
