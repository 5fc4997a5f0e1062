"""All heads as CSV: one line per head and role, every head and every score."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from components.head_levels import HeadLevels, RoleLevel

COLUMNS = (
    "layer",
    "head",
    "name",
    "role",
    "score_on_text",
    "usual",
    "chance",
    "threshold",
    "is_job",
    "is_main_job",
    "status",
)
DECIMALS = 4


def heads_csv(levels: Iterable[HeadLevels]) -> str:
    """The table; an empty cell means that there is no such figure (no text, no evidence, no chance level)."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in levels:
        writer.writerows(_line(entry, level) for level in entry.levels.values())
    return lines.getvalue()


def file_name(model: str) -> str:
    """`headlight-classroom-gpt2-heads.csv`."""
    return f"headlight-{re.sub(r'[^A-Za-z0-9.-]+', '-', model)}-heads.csv"


def _line(entry: HeadLevels, level: RoleLevel) -> list[object]:
    figures = (level.score, level.usual, level.chance, level.threshold)
    return [
        entry.id.layer,
        entry.id.head,
        str(entry.id),
        level.role,
        *("" if figure is None else round(figure, DECIMALS) for figure in figures),
        int(level.is_job),
        int(level.role == entry.main_job),
        level.status or "",
    ]
