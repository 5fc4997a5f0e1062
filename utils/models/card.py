"""What a model's card (`README.md` beside its weights) says about its training, as `write_model_card.py` writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LONGEST_CARD = 200_000  # characters
SECTION = re.compile(r"^## What it was trained on\s*$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class TrainingFacts:
    """texts: titles of what it was trained on. length: how long, in the card's own sentence; may be empty."""

    texts: tuple[str, ...]
    length: str


def read_training_facts(folder: Path) -> TrainingFacts | None:
    """The facts on a model's card, None where there is no card or it does not say."""
    try:
        if not (folder / "README.md").is_file():
            return None
        with (folder / "README.md").open(encoding="utf-8") as file:
            card = file.read(LONGEST_CARD)
    except (OSError, UnicodeDecodeError):
        return None
    section = SECTION.search(card)
    return _facts(section[1]) if section else None


def _facts(section: str) -> TrainingFacts | None:
    """The first table's first column, and the first sentence of the text around the tables."""
    first_table = re.search(r"(?:^\|.*\n?)+", section, re.MULTILINE)
    rows = first_table[0].splitlines() if first_table else []
    texts = tuple(row.strip("|").split("|")[0].strip() for row in rows[2:])  # below the head and its rule
    lines = (line.strip() for line in section.splitlines())
    prose = " ".join(line for line in lines if line and not line.startswith("|"))
    length = prose.split(". ")[0].rstrip(".")
    return TrainingFacts(texts, length) if texts or length else None
