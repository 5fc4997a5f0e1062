"""Catalogue a model where it is: in a thread of the server, on the model that is in memory, one model at a time.

The steps are those of `scripts/analyze_heads.py` (`run.py`) with PyVene as the engine. Texts are read one by one, so
that students who use the same model meanwhile wait for one text at most, or for one head that is off, and a stop takes
effect between two of them. The catalogue is written, checked and all at once, when everything is done; until then
nothing is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.file import save_catalogue
from utils.catalogue.run import (
    CatalogueTexts,
    HeadTested,
    TextRead,
    WordsTested,
    count_tokens,
    measure_catalogue,
    n_heads_to_test,
    texts_for,
)
from utils.catalogue.schema import ModelCatalogue
from utils.catalogue.store import find_catalogue, own_catalogue_path, require_writable
from utils.errors import UserError
from utils.model_config import display_name_of
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel
from utils.models.weights import name_weights
from utils.remaining_time import RemainingTime
from utils.settings import Settings

log = logging.getLogger(__name__)

SEED = 0
ONE_AT_A_TIME = 0  # bytes of patterns in one batch


class JobState(Enum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, eq=False)
class CatalogueJobStatus:
    """How far one catalogue job is, or how it ended.

    Args: n_texts: 0 while the model is being loaded. is_on_words: between two texts, single words and names are read.
    n_tested, n_heads: heads that were switched off, after all texts, and of how many. share: of the work, in [0, 1],
    which goes by tokens and not by texts. remaining: in words, empty while it is too early to tell. had_catalogue:
    there was one before.
    catalogue: when DONE. problem: when FAILED because of something a person can change, else None.
    """

    model: str
    state: JobState
    had_catalogue: bool
    n_read: int = 0
    n_texts: int = 0
    is_on_words: bool = False
    n_tested: int = 0
    n_heads: int = 0
    share: float = 0.0
    remaining: str = ""
    roles_found: tuple[str, ...] = ()
    catalogue: ModelCatalogue | None = None
    problem: UserError | None = None

    @property
    def is_running(self) -> bool:
        return self.state is JobState.RUNNING


class _StoppedByUserError(Exception):
    """Raised between two steps, to leave the job without a result."""


@dataclass(eq=False)
class _Job:
    """A running job: what only its own thread changes, but for `stop`."""

    status: CatalogueJobStatus
    stop: threading.Event = field(default_factory=threading.Event)
    remaining: RemainingTime = field(default_factory=RemainingTime)
    began: float = 0.0
    n_tokens: int = 0
    n_tokens_read: int = 0


class CatalogueJobs:
    """The catalogue jobs of one server. Thread-safe.

    Args: open_model: loads a model by name, from its files as they are now. choose_texts: what to read, from the
    model and the seed.
    """

    def __init__(
        self,
        settings: Settings,
        open_model: Callable[[str], LoadedModel],
        choose_texts: Callable[[LoadedModel, int], CatalogueTexts] = texts_for,
    ):
        self._settings = settings
        self._open_model = open_model
        self._choose_texts = choose_texts
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._thread: threading.Thread | None = None

    def status(self) -> CatalogueJobStatus | None:
        """The job that runs, or the one that ended last; None before the first."""
        job = self._job
        return job.status if job is not None else None

    def is_running(self, model: str | None = None) -> bool:
        """Whether a job runs, of this model if one is named."""
        status = self.status()
        return status is not None and status.is_running and model in (None, status.model)

    def start(self, model: str) -> CatalogueJobStatus:
        """Begin the catalogue job of a model; if that is what runs already, nothing changes.

        Raises: UserError when another model's job runs, the model's files are not here, or the result could
        not be kept.
        """
        folder = local_model_dir(model, self._settings)
        if folder is None:
            raise UserError(
                "The files of this model are not on this computer.", "Add them first; the row says how.", status=404
            )
        require_writable(self._settings)
        had_catalogue = find_catalogue(model, folder, self._settings) is not None
        with self._lock:
            running = self._job.status if self._job is not None else None
            if running is not None and running.is_running:
                if running.model == model:
                    return running
                raise _busy(running)
            self._job = _Job(CatalogueJobStatus(model, JobState.RUNNING, had_catalogue))
            self._thread = threading.Thread(target=self._run, args=(self._job,), name="catalogue", daemon=True)
            self._thread.start()
            return self._job.status

    def stop(self, model: str) -> None:
        """Ask the job of this model to end after the text it is reading; nothing happens if none runs."""
        with self._lock:
            if self._job is not None and self._job.status.model == model:
                self._job.stop.set()

    def wait(self, timeout_s: float | None = None) -> CatalogueJobStatus | None:
        """Wait until no job runs, or for `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.status()

    def _run(self, job: _Job) -> None:
        try:
            catalogue = self._measure(job)
            save_catalogue(own_catalogue_path(self._settings), catalogue)
        except _StoppedByUserError:
            _end(job, JobState.STOPPED)
        except UserError as problem:
            log.warning("The catalogue job of %s stopped: %s", job.status.model, problem.sentence)
            _end(job, JobState.FAILED, problem=problem)
        except Exception:
            step = job.status.n_read + job.status.n_tested + 1
            log.exception("The catalogue job of %s failed at step %d", job.status.model, step)
            _end(job, JobState.FAILED)
        else:
            _end(job, JobState.DONE, catalogue=catalogue, share=1.0)

    def _measure(self, job: _Job) -> ModelCatalogue:
        """The catalogue of the job's model. Raises _StoppedByUserError, or whatever goes wrong on the way."""
        model, max_tokens = job.status.model, self._settings.max_tokens
        folder = local_model_dir(model, self._settings)
        if folder is None:
            raise UserError("The files of this model are gone.", "Add them again.", status=404)
        weights = name_weights(folder)
        loaded = self._open_model(model)
        texts = self._choose_texts(loaded, SEED)
        job.n_tokens = count_tokens(loaded, texts, max_tokens)
        job.began = time.monotonic()
        job.status = replace(job.status, n_texts=texts.n_texts, n_heads=n_heads_to_test(loaded, texts))
        catalogue = measure_catalogue(
            PyVeneEngine(loaded), weights, texts, max_tokens, _follow(job), batch_bytes=ONE_AT_A_TIME
        )
        _leave_if_stopped(job)
        return catalogue


def _follow(job: _Job) -> Callable[[TextRead | HeadTested | WordsTested], None]:
    """What is called after each step: counts it, and leaves if someone asked for that."""

    def after_step(done: TextRead | HeadTested | WordsTested) -> None:
        job.n_tokens_read += done.n_tokens
        share = min(1.0, job.n_tokens_read / job.n_tokens)
        remaining = job.remaining.update(time.monotonic() - job.began, share)
        job.status = replace(_counted(job.status, done), share=share, remaining=remaining)
        _leave_if_stopped(job)

    return after_step


def _counted(status: CatalogueJobStatus, done: TextRead | HeadTested | WordsTested) -> CatalogueJobStatus:
    if isinstance(done, WordsTested):
        return replace(status, is_on_words=True)
    status = replace(status, is_on_words=False)
    if isinstance(done, HeadTested):
        return replace(status, n_tested=status.n_tested + 1)
    return replace(status, n_read=status.n_read + 1, roles_found=done.roles_found)


def _leave_if_stopped(job: _Job) -> None:
    if job.stop.is_set():
        raise _StoppedByUserError


def _end(
    job: _Job,
    state: JobState,
    share: float | None = None,
    catalogue: ModelCatalogue | None = None,
    problem: UserError | None = None,
) -> None:
    share = job.status.share if share is None else share
    job.status = replace(job.status, state=state, share=share, remaining="", catalogue=catalogue, problem=problem)


def _busy(running: CatalogueJobStatus) -> UserError:
    name = display_name_of(running.model)
    return UserError(
        f"{name} is being analyzed. One model at a time.", "Wait until that is done, or stop it.", status=409
    )
