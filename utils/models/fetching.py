"""Bring a model here while the server answers: in a thread, one model at a time, with progress and a stop.

Nothing of a model is to be seen before all of it is here and was checked; a fetch that ends early leaves nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from enum import Enum

from utils.errors import UserError
from utils.model_config import display_name_of
from utils.models.files import fetch_model
from utils.models.sources import offers
from utils.models.sources.store import sweep
from utils.remaining_time import RemainingTime
from utils.settings import Settings

log = logging.getLogger(__name__)


class FetchState(Enum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class FetchStatus:
    """How far one fetch is, or how it ended.

    Args: share: of the work, in [0, 1]. step: what is done now, in words. remaining: in words, empty while it is too
    early to tell. problem: when FAILED, None for one that nobody foresaw.
    """

    model: str
    state: FetchState = FetchState.RUNNING
    share: float = 0.0
    step: str = "Beginning"
    remaining: str = ""
    problem: UserError | None = None

    @property
    def is_running(self) -> bool:
        return self.state is FetchState.RUNNING


class _StoppedByUserError(Exception):
    """Raised at the next moment of progress, to leave the fetch."""


@dataclass(eq=False)
class _Fetch:
    """A running fetch: what only its own thread changes, but for `stop`."""

    status: FetchStatus
    began: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)
    remaining: RemainingTime = field(default_factory=RemainingTime)

    def follow(self, share: float, step: str) -> None:
        if self.stop.is_set():
            raise _StoppedByUserError
        share = max(share, self.status.share)
        words = self.remaining.update(time.monotonic() - self.began, share)
        self.status = replace(self.status, share=share, step=step, remaining=words)


class FetchJobs:
    """The fetches of one server. Thread-safe."""

    def __init__(self, settings: Settings):
        self._settings = settings
        sweep(settings)
        self._lock = threading.Lock()
        self._fetch: _Fetch | None = None
        self._thread: threading.Thread | None = None

    def status(self) -> FetchStatus | None:
        """The fetch that runs, or the one that ended last; None before the first."""
        fetch = self._fetch
        return fetch.status if fetch is not None else None

    def start(self, model: str) -> FetchStatus:
        """Begin to fetch a model; if that is what runs already, nothing changes.

        Raises: UserError where another one runs, no source can bring it, or its terms were not accepted.
        """
        offer = next((offer for _, offer in offers(model, self._settings)), None)
        if offer is None:
            raise UserError(
                f"{display_name_of(model)} cannot be fetched.", "Add its files by hand; the row says how.", status=404
            )
        if offer.terms is not None:
            raise UserError(f"The {offer.terms} have to be read and accepted first.", "Press Get it.", status=403)
        with self._lock:
            running = self.status()
            if running is not None and running.is_running:
                if running.model == model:
                    return running
                name = display_name_of(running.model)
                raise UserError(f"{name} is being fetched. One at a time.", "Wait, or stop that one.", status=409)
            self._fetch = _Fetch(FetchStatus(model))
            self._thread = threading.Thread(target=self._run, args=(self._fetch,), name="fetch", daemon=True)
            self._thread.start()
            return self._fetch.status

    def stop(self, model: str) -> None:
        """Ask the fetch of this model to end; nothing happens if none runs."""
        fetch = self._fetch
        if fetch is not None and fetch.status.model == model:
            fetch.stop.set()

    def wait(self, timeout_s: float | None = None) -> FetchStatus | None:
        """Wait until no fetch runs, or for `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.status()

    def _run(self, fetch: _Fetch) -> None:
        model = fetch.status.model
        try:
            folder = fetch_model(model, self._settings, fetch.follow)
            log.info("%s is here, in %s", model, folder.name)
        except _StoppedByUserError:
            fetch.status = replace(fetch.status, state=FetchState.STOPPED, remaining="")
        except UserError as problem:
            log.warning("%s could not be fetched: %s", model, problem.sentence)
            fetch.status = replace(fetch.status, state=FetchState.FAILED, remaining="", problem=problem)
        except Exception:
            log.exception("%s could not be fetched", model)
            fetch.status = replace(fetch.status, state=FetchState.FAILED, remaining="")
        else:
            fetch.status = replace(fetch.status, state=FetchState.DONE, share=1.0, remaining="")
