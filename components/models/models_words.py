"""A model's facts as the Models page writes them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from components.model_words import as_distributed, megabytes
from components.models.models_view import ModelsView
from components.numbers import in_words, plural
from utils.models.listing import Readiness

if TYPE_CHECKING:
    from utils.catalogue.schema import ModelCatalogue
    from utils.models.listing import ModelEntry
    from utils.models.sources import Offer


def weights(n_parameters: int | None) -> str:
    """`3.1 million weights`, `1.24 billion weights`; empty when unknown."""
    if n_parameters is None:
        return ""
    if n_parameters >= 1e9:
        return f"{n_parameters / 1e9:.2f} billion weights"
    if n_parameters >= 1e5:
        return f"{n_parameters / 1e6:.{1 if n_parameters < 1e7 else 0}f} million weights"
    return f"{n_parameters:,} weights"


def family_line(entry: ModelEntry) -> str:
    return f"{entry.family} family" if entry.family else ""


def origin_line(entry: ModelEntry) -> str:
    """`Llama family, from the package registry. 4-bit weights, as distributed`; `GPT-2 family, came with Headlight`."""
    place = entry.source.place if entry.source is not None else ""
    origin = ", ".join(part for part in (family_line(entry), place) if part)
    return ". ".join(part for part in (origin, as_distributed(entry.note)) if part)


def to_fetch(offer: Offer | None) -> str:
    """`93 MB to fetch, 273 MB on disk`, `about 494 MB to fetch`; empty where nobody knows."""
    if offer is None:
        return ""
    about = "about " if offer.is_estimate else ""
    is_kept_as_it_is = offer.n_bytes is not None and offer.n_bytes == offer.n_bytes_kept
    sizes = ((offer.n_bytes, "to fetch"), (None if is_kept_as_it_is else offer.n_bytes_kept, "on disk"))
    return about + ", ".join(f"{megabytes(size)} {where}" for size, where in sizes if size is not None)


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
    if view.running is not None:
        entry = view.analyzed_entry
        is_new = n_ready and (entry is None or entry.readiness is not Readiness.CATALOGUED)
        ready += f" One {'more ' if is_new else ''}is being analyzed."
    return f"{ready} One {'more ' if n_ready else ''}is on its way." if view.fetching is not None else ready


def space_used(view: ModelsView) -> str:
    """`1.2 GB, of which 28 MB came with Headlight`; empty where nothing is here."""
    total = sum(entry.n_bytes or 0 for entry in view.here) or None
    shipped = sum(entry.n_bytes or 0 for entry in view.here if entry.source is not None and entry.source.ships)
    return f"{megabytes(total)}, of which {megabytes(shipped)} came with Headlight" if shipped else megabytes(total)


def with_job(catalogue: ModelCatalogue) -> str:
    """`19 of 48 heads have a job`; a head that does nothing but rest has none."""
    verb = "has" if catalogue.n_with_job == 1 else "have"
    return f"{catalogue.n_with_job or 'none'} of {plural(catalogue.shape.n_all, 'head')} {verb} a job"


def readiness_words(view: ModelsView, entry: ModelEntry) -> tuple[str, str]:
    """The status of a model in two or three words, and one sentence about it."""
    if view.is_being_analyzed(entry):
        return "Being analyzed", "You can use it meanwhile."
    if view.is_being_fetched(entry):
        return "On its way", "The top of this page shows how far it is."
    if entry.readiness is Readiness.CATALOGUED and entry.catalogue is not None:
        return "Catalogued", with_job(entry.catalogue.catalogue)
    return {
        Readiness.STALE: ("Weights have changed", "Its catalogue is of other weights, and is not used."),
        Readiness.NOT_ANALYZED: ("Not yet analyzed", "You can use it meanwhile, without usual levels."),
        Readiness.UNREADABLE: _why_unreadable(entry),
        Readiness.CATALOGUE_ONLY: ("Catalogue only", "Its heads are known. To read a text it needs its weights."),
        Readiness.PUBLISHED_ONLY: (
            "Published only",
            "Others published scores of its heads; none was computed here. To read a text it needs its weights.",
        ),
        Readiness.OBTAINABLE: _what_comes(entry),
        Readiness.NEEDS_PERMISSION: (
            "Needs permission",
            "Accept the licence at its maker, then add the files.",
        ),
        Readiness.NOT_HERE: ("Not here", _how_to_reach(view)),
    }[entry.readiness]


def _what_comes(entry: ModelEntry) -> tuple[str, str]:
    known = "Its heads are catalogued already." if entry.catalogue is not None else ""
    size = to_fetch(entry.offer)
    size = f"{size[0].upper()}{size[1:]}." if size else ""
    return "Can be fetched", " ".join(part for part in (size, known) if part)


def _why_unreadable(entry: ModelEntry) -> tuple[str, str]:
    if entry.problem is not None:
        return "Cannot be read", entry.problem.sentence
    found = f"Found {' and '.join(entry.found)}. " if entry.found else ""
    return "Not complete", f"{found}Still missing: {', '.join(entry.missing)}."


def _how_to_reach(view: ModelsView) -> str:
    if view.is_offline:
        return "Headlight stays off the network, and the files are not here."
    return "Nothing that Headlight can reach has its files."
