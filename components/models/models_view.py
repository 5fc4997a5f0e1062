"""What the Models page shows: every model with what can be done with it, for whoever asks."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from flask import has_request_context, request

from components.address import Question
from utils.errors import UserError
from utils.model_config import Kind, kind_of

if TYPE_CHECKING:
    from utils.catalogue.jobs import CatalogueJobStatus
    from utils.models.fetching import FetchStatus
    from utils.models.listing import ModelEntry
    from utils.models.removal import Removal
    from utils.service import Headlight

FIRST_NOT_HERE = 4
ANALYSIS, FETCH = "analysis", "fetch"
ASK = "Ask whoever runs Headlight."
FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, eq=False)
class ModelsView:
    """One state of the page.

    Args: status: of the catalogue job, fetch: of the fetch that runs or ended last. removals: what may be removed of a
    model, by name. opened: the one open row. asks: the open row asks whether to remove; asks_terms: whether its terms
    are accepted. is_operator: whoever asks sits at the computer that runs Headlight. models_dir: HEADLIGHT_MODELS_DIR
    where whoever asks may know it, else None.
    """

    question: Question
    entries: list[ModelEntry]
    status: CatalogueJobStatus | None
    removals: dict[str, Removal]
    default_model: str
    opened: str | None = None
    asks: bool = False
    asks_terms: bool = False
    fetch: FetchStatus | None = None
    is_operator: bool = False
    shows_all: bool = False
    is_offline: bool = False
    models_dir: Path | None = None

    @property
    def here(self) -> list[ModelEntry]:
        """Models with files on this computer, complete or not; the one in use first, then real ones before others."""
        here = [entry for entry in self.entries if entry.folder is not None]
        kinds = list(Kind)
        return sorted(
            here, key=lambda entry: (not entry.is_here, not self.is_in_use(entry), kinds.index(kind_of(entry.name)))
        )

    @property
    def not_here(self) -> list[ModelEntry]:
        """The other models: first those that would be ready as soon as they are fetched, then others that can be."""
        absent = [entry for entry in self.entries if entry.folder is None]
        return sorted(absent, key=lambda entry: (not entry.can_be_fetched, entry.catalogue is None))

    def is_in_use(self, entry: ModelEntry) -> bool:
        return entry.name == self.question.model

    def is_being_analyzed(self, entry: ModelEntry) -> bool:
        return self.running is not None and self.running.model == entry.name

    @property
    def fetching(self) -> FetchStatus | None:
        """The fetch that runs now."""
        return self.fetch if self.fetch is not None and self.fetch.is_running else None

    @property
    def fetched_entry(self) -> ModelEntry | None:
        """The model of the fetch that runs, or ran last."""
        return self._entry(self.fetch.model if self.fetch is not None else None)

    def terms_to_accept(self, entry: ModelEntry) -> str | None:
        """What the terms are called that the open row asks about; None where it asks for none."""
        is_asked = self.asks_terms and self.is_operator and entry.can_be_fetched
        return entry.offer.terms if is_asked and entry.offer is not None else None

    def is_being_fetched(self, entry: ModelEntry) -> bool:
        return self.fetching is not None and self.fetching.model == entry.name

    @property
    def running(self) -> CatalogueJobStatus | None:
        """The catalogue job that runs now."""
        return self.status if self.status is not None and self.status.is_running else None

    @property
    def analyzed_entry(self) -> ModelEntry | None:
        """The model of the job that runs, or ran last."""
        return self._entry(self.status.model if self.status is not None else None)

    @property
    def works(self) -> list[str]:
        """What runs now: ANALYSIS, FETCH."""
        return [name for name, running in ((ANALYSIS, self.running), (FETCH, self.fetching)) if running is not None]

    def _entry(self, name: str | None) -> ModelEntry | None:
        return next((entry for entry in self.entries if entry.name == name), None)


def models_view(service: Headlight, question: Question, search: str, keeps_asking: bool = True) -> ModelsView:
    """The page's state for one address. Raises CatalogueError when a catalogue file is damaged.

    Args: keeps_asking: False once the question whether to remove was answered; terms are asked about until accepted.
    """
    parameters = dict(parse_qsl(search.lstrip("?")))
    entries, settings, is_own = service.model_entries(), service.settings, asked_from_this_computer()
    removals = {entry.name: service.removable(entry, question.model) for entry in entries if is_own}
    return ModelsView(
        question=question,
        entries=entries,
        status=service.catalogue_job_status(),
        removals={name: removal for name, removal in removals.items() if removal is not None},
        default_model=settings.default_model,
        opened=parameters.get("open"),
        asks=keeps_asking and parameters.get("ask") == "remove",
        asks_terms=parameters.get("ask") == "terms",
        fetch=service.fetch_status(),
        is_operator=is_own,
        shows_all=parameters.get("show") == "all",
        is_offline=settings.offline,
        models_dir=settings.models_dir if is_own else None,
    )


def asked_from_this_computer() -> bool:
    """Whether the request comes from the computer that runs Headlight; only there may models be fetched or removed.

    Behind a proxy every request seems to; one that was forwarded, or that asked for another name than this computer's
    own, does not count. The same holds for a page of somebody else that was opened here.
    """
    if not has_request_context() or any(header in request.headers for header in FORWARDING_HEADERS):
        return False
    origin = request.headers.get("Origin")
    if not _is_own_name(f"//{request.host}") or (origin is not None and not _is_own_name(origin)):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _is_own_name(address: str) -> bool:
    """Whether an address names this computer as only this computer does."""
    try:
        return urlsplit(address).hostname in OWN_NAMES
    except ValueError:
        return False


def refuse_elsewhere(what: str) -> UserError:
    """The refusal of something that only whoever runs Headlight may do. Args: what: `Models can be removed`."""
    return UserError(f"{what} only at the computer that runs Headlight.", ASK, status=403)
