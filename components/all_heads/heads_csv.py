"""All heads as CSV: one line per head and role, every head and every score."""

from __future__ import annotations

from collections.abc import Iterable

from components.csv_download import csv_text
from utils.levels import HeadLevels, RoleLevel

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
    "without_it_nats",
    "without_it_standard_error",
)
DECIMALS = 4


def heads_csv(levels: Iterable[HeadLevels]) -> str:
    """The table; an empty cell means that there is no such figure (no text, no evidence, no chance level).

    The last two columns are of the head and not of the role: what the loss on a text said twice rises by without it.
    """
    return csv_text(COLUMNS, (_line(entry, level) for entry in levels for level in entry.levels.values()))


def _line(entry: HeadLevels, level: RoleLevel) -> list[object]:
    figures = (level.score, level.usual, level.chance, level.threshold)
    cause = entry.cause
    return [
        entry.id.layer,
        entry.id.head,
        str(entry.id),
        level.role,
        *("" if figure is None else round(figure, DECIMALS) for figure in figures),
        int(level.is_job),
        int(level.role == entry.main_job),
        level.status or "",
        *(("", "") if cause is None else (cause.second_copy_nats, cause.standard_error)),
    ]
