"""All pairs of an earlier and a later head as CSV, one line each: what was measured, and what their weights say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.csv_download import csv_text

if TYPE_CHECKING:
    from utils.circuits.composition import Fit
    from utils.circuits.readers import Reads

WEIGHTS = ("kind", "writer", "reader", "score", "times_random", "kinds_of_note", "random_score")
COLUMNS = (*WEIGHTS, "margin_logits", "margin_share", "reader_margin")
DECIMALS = 5


def pairs_csv(reads: Reads) -> str:
    """The table, by writer and reader. times_random = score / random_score; kinds_of_note is the effective rank.

    margin_logits, margin_share, reader_margin: empty for a reader that has no margin.
    """
    fits, shape = reads.fits, reads.fits.shape
    pairs = np.argwhere(np.isfinite(fits.scores)).tolist()
    return csv_text(COLUMNS, (_line(reads, fits.fit(shape.at(row), shape.at(column))) for row, column in pairs))


def _line(reads: Reads, fit: Fit) -> tuple[object, ...]:
    return (
        reads.fits.kind,
        fit.writer,
        fit.reader,
        round(fit.score, DECIMALS),
        round(fit.multiple, DECIMALS),
        round(fit.breadth, 2),
        round(reads.fits.baseline, DECIMALS),
        *_measured(reads, fit),
    )


def _measured(reads: Reads, fit: Fit) -> tuple[object, ...]:
    margin = reads.margins.readers.get(fit.reader) if reads.margins is not None else None
    if margin is None:
        return "", "", ""
    part = margin.written_by(fit.writer)
    share = "" if part.share is None else round(part.share, DECIMALS)
    return round(part.logits, DECIMALS), share, round(margin.margin, DECIMALS)
