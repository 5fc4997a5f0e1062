"""All fits of one kind as CSV: one line per pair of an earlier and a later head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.csv_download import csv_text
from utils.heads import HeadId

if TYPE_CHECKING:
    from utils.circuits.composition import Composition

COLUMNS = ("kind", "writer", "reader", "score", "times_random", "kinds_of_note", "is_broad", "random_score")
DECIMALS = 5


def fits_csv(fits: Composition) -> str:
    """The table, by writer and reader. times_random = score / random_score; kinds_of_note is the effective rank."""
    pairs = np.argwhere(np.isfinite(fits.scores)).tolist()
    return csv_text(COLUMNS, (_line(fits, *pair) for pair in pairs))


def _line(fits: Composition, row: int, column: int) -> tuple[object, ...]:
    score, breadth = float(fits.scores[row, column]), float(fits.breadth[row, column])
    return (
        fits.kind,
        HeadId(*divmod(row, fits.n_heads)),
        HeadId(*divmod(column, fits.n_heads)),
        round(score, DECIMALS),
        round(score / fits.baseline, DECIMALS),
        round(breadth, 2),
        int(breadth >= fits.broad_from),
        round(fits.baseline, DECIMALS),
    )
