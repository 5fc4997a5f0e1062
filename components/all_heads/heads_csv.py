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
    "score_when_it_looks",
    "look",
    "plain_score",
    "usual",
    "chance",
    "threshold",
    "is_job",
    "is_main_job",
    "status",
    "rests",
    "without_it_nats",
    "without_it_standard_error",
)
DECIMALS = 4


def heads_csv(levels: Iterable[HeadLevels]) -> str:
    """The table; an empty cell means that there is no such figure (no text, no evidence, no chance level).

    score_when_it_looks, usual, chance and threshold stand on one axis, that of the bars; for a role that is not about
    looks it is the plain score. Without a text, look and plain_score are those of the catalogue. The last three columns
    are of the head and not of the role: whether it rests on the text, or without one usually, and what the loss on a
    text said twice rises by without it.
    """
    return csv_text(COLUMNS, (_line(entry, level) for entry in levels for level in entry.levels.values()))


def _line(entry: HeadLevels, level: RoleLevel) -> list[object]:
    figures = (level.score, level.look, level.plain_score, level.usual, level.chance, level.threshold)
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
        int(entry.rests),
        *(("", "") if cause is None else (cause.second_copy_nats, cause.standard_error)),
    ]
