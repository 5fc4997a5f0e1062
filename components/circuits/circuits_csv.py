"""All fits of one kind as CSV: one line per pair of an earlier and a later head."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId

if TYPE_CHECKING:
    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Composition

COLUMNS = ("kind", "writer", "reader", "score", "times_random", "kinds_of_note", "is_broad", "random_score")
DECIMALS = 5


def fits_csv(fits: Composition) -> str:
    """The table, by writer and reader. times_random = score / random_score; kinds_of_note is the effective rank."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, column in np.argwhere(np.isfinite(fits.scores)).tolist():
        score, breadth = float(fits.scores[row, column]), float(fits.breadth[row, column])
        writer.writerow(
            (
                fits.kind,
                HeadId(*divmod(row, fits.n_heads)),
                HeadId(*divmod(column, fits.n_heads)),
                round(score, DECIMALS),
                round(score / fits.baseline, DECIMALS),
                round(breadth, 2),
                int(breadth >= fits.broad_from),
                round(fits.baseline, DECIMALS),
            )
        )
    return lines.getvalue()


def file_name(view: CircuitsView) -> str:
    """`headlight-classroom-gpt2-k-composition.csv`."""
    model = re.sub(r"[^A-Za-z0-9.-]+", "-", view.question.model)
    return f"headlight-{model}-{view.kind.lower()}-composition.csv"
