"""All fits of one kind as CSV: one line per pair of an earlier and a later head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.csv_download import csv_text
from utils.circuits.readers import is_broad

if TYPE_CHECKING:
    from utils.circuits.composition import Composition, Fit

COLUMNS = ("kind", "writer", "reader", "score", "times_random", "kinds_of_note", "is_broad", "random_score")
DECIMALS = 5


def fits_csv(fits: Composition) -> str:
    """The table, by writer and reader. times_random = score / random_score; kinds_of_note is the effective rank."""
    shape = fits.shape
    pairs = np.argwhere(np.isfinite(fits.scores)).tolist()
    return csv_text(COLUMNS, (_line(fits, fits.fit(shape.at(row), shape.at(column))) for row, column in pairs))


def _line(fits: Composition, fit: Fit) -> tuple[object, ...]:
    return (
        fits.kind,
        fit.writer,
        fit.reader,
        round(fit.score, DECIMALS),
        round(fit.multiple, DECIMALS),
        round(fit.breadth, 2),
        int(is_broad(fits, fit)),
        round(fits.baseline, DECIMALS),
    )
