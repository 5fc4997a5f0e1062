"""A model's facts as the Models page writes them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from components.models.models_view import ModelsView, heads_with_job
from components.numbers import in_words, plural
from utils.models.listing import Readiness

if TYPE_CHECKING:
    from utils.models.listing import ModelEntry


def megabytes(n_bytes: int | None) -> str:
    """`0.4 MB`, `166 MB`, `2.5 GB`; empty when unknown."""
    if n_bytes is None:
        return ""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e6 else f"{max(n_bytes / 1e6, 0.1):.1f} MB"


def weights(n_parameters: int | None) -> str:
    """`3.1 million weights`, `1.24 billion weights`; empty when unknown."""
    if n_parameters is None:
        return ""
    if n_parameters >= 1e9:
        return f"{n_parameters / 1e9:.2f} billion weights"
    if n_parameters >= 1e5:
        return f"{n_parameters / 1e6:.{1 if n_parameters < 1e7 else 0}f} million weights"
    return f"{n_parameters:,} weights"


def shape(entry: ModelEntry) -> str:
    """`4 × 8 heads`: layers, and heads of each; empty when unknown."""
    return f"{entry.n_layers} × {entry.n_heads} heads" if entry.n_layers and entry.n_heads else ""


def family_line(entry: ModelEntry) -> str:
    return f"{entry.family} family" if entry.family else ""


def origin_line(entry: ModelEntry) -> str:
    """`GPT-2 family, came with Headlight`."""
    place = entry.source.place if entry.source is not None else ""
    return ", ".join(part for part in (family_line(entry), place) if part)


def day(date: datetime.date) -> str:
    """`14 March 2026`."""
    return f"{date.day} {date:%B %Y}"


def plain_decimal(number: float) -> str:
    """`0.0000002`: one significant digit, and no exponent."""
    return f"{Decimal(f'{number:.1g}'):f}"


def title(view: ModelsView) -> str:
    """`Five models are ready for your text. One more is being analyzed.`"""
    n_ready = sum(entry.readiness is Readiness.CATALOGUED for entry in view.entries)
    number = in_words(n_ready) if n_ready else "no"
    ready = f"{number} {'model is' if n_ready == 1 else 'models are'} ready for your text.".capitalize()
    if view.running is None:
        return ready
    entry = view.analyzed_entry
    is_new = n_ready and (entry is None or entry.readiness is not Readiness.CATALOGUED)
    return f"{ready} One {'more ' if is_new else ''}is being analyzed."


def space_used(view: ModelsView) -> str:
    """`1.2 GB, of which 28 MB came with Headlight`."""
    total = sum(entry.n_bytes or 0 for entry in view.here)
    shipped = sum(entry.n_bytes or 0 for entry in view.here if entry.source is not None and entry.source.ships)
    return f"{megabytes(total)}, of which {megabytes(shipped)} came with Headlight" if shipped else megabytes(total)


def readiness_words(view: ModelsView, entry: ModelEntry) -> tuple[str, str]:
    """The status of a model in two or three words, and one sentence about it."""
    if view.is_being_analyzed(entry):
        return "Being analyzed", "You can use it meanwhile."
    if entry.readiness is Readiness.CATALOGUED and entry.catalogue is not None:
        catalogue = entry.catalogue.catalogue
        n_all = catalogue.shape.n_all
        return "Catalogued", f"{heads_with_job(catalogue)} of {plural(n_all, 'head')} have a job"
    return {
        Readiness.STALE: ("Weights have changed", "Its catalogue is of other weights, and is not used."),
        Readiness.NOT_ANALYZED: ("Not yet analyzed", "You can use it meanwhile, without usual levels."),
        Readiness.UNREADABLE: _why_unreadable(entry),
        Readiness.CATALOGUE_ONLY: ("Catalogue only", "Its heads are known. To read a text it needs its weights."),
        Readiness.PUBLISHED_ONLY: (
            "Published only",
            "Others published scores of its heads; none was computed here. To read a text it needs its weights.",
        ),
        Readiness.OBTAINABLE: ("Not here", "It can be fetched."),
        Readiness.NEEDS_PERMISSION: (
            "Needs permission",
            "Accept the licence at its maker, then add the files.",
        ),
        Readiness.NOT_HERE: ("Not here", _how_to_reach(view)),
    }[entry.readiness]


def _why_unreadable(entry: ModelEntry) -> tuple[str, str]:
    if entry.problem is not None:
        return "Cannot be read", entry.problem.sentence
    found = f"Found {' and '.join(entry.found)}. " if entry.found else ""
    return "Not complete", f"{found}Still missing: {', '.join(entry.missing)}."


def _how_to_reach(view: ModelsView) -> str:
    if view.is_offline:
        return "Headlight stays off the network, and the files are not here."
    return "Headlight fetches it when it is chosen, if there is a network."
