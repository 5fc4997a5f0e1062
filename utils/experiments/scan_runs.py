"""Scans in the background: a few at a time, each asked once, with how far it is.

A scan belongs to its question, not to a student: whoever asks the same meanwhile sees the same progress, and when
nobody has asked for a while it ends by itself. When the model's files may have changed, a scan on its way begins again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from utils.errors import UserError
from utils.experiments.scan import Scan

log = logging.getLogger(__name__)

MOST_AT_ONCE = 2
MOST_WAITING = 30
LEFT_AFTER_S = 150.0  # a page in the background asks once a minute
KEPT_S = 600.0  # after it ended; later the answer comes from the results of all experiments, if it is still there


@dataclass(frozen=True)
class ScanQuestion:
    """What is scanned, as `Experiments.scan` takes it."""

    model: str
    prompt: str
    method: str
    position: int


@dataclass(frozen=True, eq=False)
class ScanStatus:
    """How far a scan is. n_ahead: scans that come first while this one waits. n_heads: 0 while the model gets ready.
    result: when it is done. problem: when it could not be done."""

    n_ahead: int = 0
    n_done: int = 0
    n_heads: int = 0
    result: Scan | None = None
    problem: UserError | None = None

    @property
    def is_running(self) -> bool:
        return self.result is None and self.problem is None

    @property
    def share(self) -> float:
        """Of the heads, in [0, 1]."""
        return self.n_done / self.n_heads if self.n_heads else 0.0


class _NotWantedError(Exception):
    """Raised between two batches, to end a scan that nobody waits for, or that has begun again."""


@dataclass(eq=False)
class _Run:
    question: ScanQuestion
    asked_at: float
    n_done: int = 0
    n_heads: int = 0
    result: Scan | None = None
    problem: UserError | None = None

    @property
    def has_ended(self) -> bool:
        return self.result is not None or self.problem is not None


class ScanRuns:
    """The scans of one server. Thread-safe, and bounded in threads, in waiting scans and in the time results stay.

    Args: scan: as `Experiments.scan`. clock: seconds, for tests.
    """

    def __init__(self, scan: Callable[..., Scan], clock: Callable[[], float] = time.monotonic):
        self._scan = scan
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[ScanQuestion, _Run] = {}
        self._waiting: deque[_Run] = deque()
        self._n_threads = 0

    def start(self, question: ScanQuestion) -> ScanStatus:
        """Begin a scan, or join the one of the same question; one that failed begins again.

        Raises: UserError when too many are waiting already.
        """
        with self._lock:
            self._drop_old()
            run = self._runs.get(question)
            if run is None or run.problem is not None:
                run = self._begin(question)
            return self._status_of(run)

    def status(self, question: ScanQuestion) -> ScanStatus | None:
        """How far a scan is; None for one that was never asked, or that ended long ago."""
        with self._lock:
            self._drop_old()
            run = self._runs.get(question)
            return self._status_of(run) if run is not None else None

    def forget(self) -> None:
        """Keep no results; scans on their way end and begin again, before those that wait."""
        with self._lock:
            for run in reversed(list(self._runs.values())):
                if run.has_ended:
                    del self._runs[run.question]
                elif run not in self._waiting:
                    self._runs[run.question] = again = _Run(run.question, run.asked_at)
                    self._waiting.appendleft(again)

    def _begin(self, question: ScanQuestion) -> _Run:
        if len(self._waiting) >= MOST_WAITING:
            raise UserError("Many people are trying every head at once.", "Try again in a minute.", status=503)
        run = _Run(question, self._clock())
        self._runs[question] = run
        self._waiting.append(run)
        if self._n_threads < MOST_AT_ONCE:
            self._n_threads += 1
            threading.Thread(target=self._work, name="scan", daemon=True).start()
        return run

    def _status_of(self, run: _Run) -> ScanStatus:
        if not run.has_ended:
            run.asked_at = self._clock()
        n_ahead = self._waiting.index(run) + 1 if run in self._waiting else 0
        return ScanStatus(n_ahead, run.n_done, run.n_heads, run.result, run.problem)

    def _drop_old(self) -> None:
        """Forget what ended long ago, and what waits for nobody."""
        for run in list(self._runs.values()):
            is_old = self._is_older(run, KEPT_S) if run.has_ended else run in self._waiting and self._is_left(run)
            if is_old:
                del self._runs[run.question]
                if run in self._waiting:
                    self._waiting.remove(run)

    def _is_left(self, run: _Run) -> bool:
        return self._is_older(run, LEFT_AFTER_S)

    def _is_older(self, run: _Run, seconds: float) -> bool:
        return self._clock() - run.asked_at > seconds

    def _work(self) -> None:
        """What a thread does: one waiting scan after the other, until none waits."""
        while True:
            with self._lock:
                self._drop_old()
                if not self._waiting:
                    self._n_threads -= 1
                    return
                run = self._waiting.popleft()
            self._run(run)

    def _run(self, run: _Run) -> None:
        def progress(n_done: int, n_heads: int) -> None:
            run.n_done, run.n_heads = n_done, n_heads
            if self._is_left(run) or self._runs.get(run.question) is not run:
                raise _NotWantedError

        asked = run.question
        try:
            result = self._scan(asked.model, asked.prompt, asked.method, asked.position, progress=progress)
        except _NotWantedError:
            with self._lock:
                if self._runs.get(asked) is run:
                    del self._runs[asked]
        except UserError as problem:
            run.problem = problem
        except Exception:
            log.exception("The scan of %s failed", asked.model)
            run.problem = UserError("Something went wrong on our side.", "Try again.", status=500)
        else:
            run.result = result
