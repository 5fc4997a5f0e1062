"""Experiments that may take long, in the background: a few at a time, each asked once, with how far it is.

A run belongs to its question, not to a student: whoever asks the same meanwhile sees the same progress. It ends at its
next step once all who asked have stopped it, or have not asked for a while. When the model's files may have changed, a
run on its way begins again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from utils.errors import UserError
from utils.remaining_time import RemainingTime
from utils.result_cache import Progress

log = logging.getLogger(__name__)

MOST_AT_ONCE = 2
MOST_WAITING = 30
LEFT_AFTER_S = 150.0  # a page in the background asks once a minute
REFUSED_S = 10.0  # long enough for those who wait to read why
KEPT_S = 600.0  # after it ended; later the answer comes from the results of all experiments, if it is still there


class Kind(StrEnum):
    """Which experiment it is: the name of the method of `Experiments` that answers it, or of `Circuits`."""

    SCAN = "scan"
    SWITCH_OFF = "switch_off"
    WORD = "word_cause"
    SECOND_COPY = "second_copy"
    LATER = "later_patterns"
    NATURAL = "natural_rise"
    LENS = "logit_lens"
    ATTRIBUTION = "token_attribution"
    COMPOSITION = "composition"


@dataclass(frozen=True)
class RunQuestion:
    """What is asked, as the method that answers it takes it; what that does not ask for stays as it is here.

    Args: method: of switching off, or the kind of a composition. second: the student's second text. target_id: of the
    next token that is asked about; -1 for none.
    """

    kind: Kind
    model: str
    prompt: str
    method: str = "mean"
    position: int = -1
    heads: tuple[tuple[int, int], ...] = ()
    role: str | None = None
    second: str = ""
    target_id: int = -1


@dataclass(frozen=True, eq=False)
class RunStatus:
    """How far a run is. n_ahead: runs that come first while this one waits. n_all: steps, 0 while the model gets ready.
    remaining: the time left in words, empty while it is too early to tell. result: when it is done. problem: when it
    could not be done."""

    n_ahead: int = 0
    n_done: int = 0
    n_all: int = 0
    remaining: str = ""
    result: Any = None
    problem: UserError | None = None

    @property
    def is_running(self) -> bool:
        return self.result is None and self.problem is None

    @property
    def share(self) -> float:
        """Of all steps, in [0, 1]."""
        return self.n_done / self.n_all if self.n_all else 0.0


class _NotWantedError(Exception):
    """Raised between two steps, to end a run that nobody waits for, or that has begun again."""


@dataclass(eq=False)
class _Run:
    question: RunQuestion
    asked_at: float
    askers: set[str]
    begun_at: float = 0.0
    n_done: int = 0
    n_all: int = 0
    result: Any = None
    problem: UserError | None = None
    is_over: threading.Event = field(default_factory=threading.Event)
    remaining: RemainingTime = field(default_factory=RemainingTime)

    @property
    def has_ended(self) -> bool:
        return self.result is not None or self.problem is not None


class Runs:
    """The runs of one server. Thread-safe, and bounded in threads, in waiting runs and in the time results stay.

    Args: answer: the result of a question, which tells its progress. clock: seconds, for tests.
    """

    def __init__(self, answer: Callable[[RunQuestion, Progress], Any], clock: Callable[[], float] = time.monotonic):
        self._answer = answer
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[RunQuestion, _Run] = {}
        self._waiting: deque[_Run] = deque()
        self._n_threads = 0

    def start(self, question: RunQuestion, asker: str = "", patience_s: float = 0.0) -> RunStatus:
        """Begin a run, or join the one of the same question; one that failed begins again.

        Args: asker: who asks, so that one can stop and another go on. patience_s: how long to wait for a result.
        Raises: UserError when too many are waiting already.
        """
        with self._lock:
            self._drop_old()
            run = self._runs.get(question)
            if run is None or run.problem is not None:
                run = self._begin(question)
            run.askers.add(asker)
        run.is_over.wait(patience_s)
        with self._lock:
            return self._status_of(self._runs.get(question, run))

    def status(self, question: RunQuestion, asker: str = "") -> RunStatus | None:
        """How far a run is, for somebody who waits for it too; None for one never asked, stopped, or ended long ago."""
        with self._lock:
            self._drop_old()
            run = self._runs.get(question)
            if run is None:
                return None
            run.askers.add(asker)
            return self._status_of(run)

    def stop(self, question: RunQuestion, asker: str = "") -> RunStatus | None:
        """Wait no more: the run ends at its next step, unless another asker still waits. Returns: how far it was."""
        with self._lock:
            run = self._runs.get(question)
            if run is None:
                return None
            status = self._status_of(run)
            run.askers.discard(asker)
            if not run.askers and not run.has_ended:
                del self._runs[question]
                if run in self._waiting:
                    self._waiting.remove(run)
            return status

    def forget(self) -> None:
        """Keep no results; runs on their way end and begin again, before those that wait."""
        with self._lock:
            for run in reversed(list(self._runs.values())):
                if run.has_ended:
                    del self._runs[run.question]
                elif run not in self._waiting:
                    self._runs[run.question] = again = _Run(run.question, run.asked_at, run.askers)
                    self._waiting.appendleft(again)

    def _begin(self, question: RunQuestion) -> _Run:
        if len(self._waiting) >= MOST_WAITING:
            raise UserError("Many people are asking for experiments at once.", "Try again in a minute.", status=503)
        run = _Run(question, self._clock(), set())
        self._runs[question] = run
        self._waiting.append(run)
        if self._n_threads < MOST_AT_ONCE:
            self._n_threads += 1
            threading.Thread(target=self._work, name="experiment", daemon=True).start()
        return run

    def _status_of(self, run: _Run) -> RunStatus:
        now = self._clock()
        if not run.has_ended:
            run.asked_at = now
        n_ahead = self._waiting.index(run) + 1 if run in self._waiting else 0
        share = run.n_done / run.n_all if run.n_all else 0.0
        remaining = run.remaining.update(now - run.begun_at, share)
        return RunStatus(n_ahead, run.n_done, run.n_all, remaining, run.result, run.problem)

    def _drop_old(self) -> None:
        """Forget what ended long ago, and what waits for nobody."""
        for run in list(self._runs.values()):
            kept_s = KEPT_S if run.problem is None else REFUSED_S
            is_old = self._is_older(run, kept_s) if run.has_ended else run in self._waiting and self._is_left(run)
            if is_old:
                del self._runs[run.question]
                if run in self._waiting:
                    self._waiting.remove(run)

    def _is_left(self, run: _Run) -> bool:
        return self._is_older(run, LEFT_AFTER_S)

    def _is_older(self, run: _Run, seconds: float) -> bool:
        return self._clock() - run.asked_at > seconds

    def _work(self) -> None:
        """What a thread does: one waiting run after the other, until none waits."""
        while True:
            with self._lock:
                self._drop_old()
                if not self._waiting:
                    self._n_threads -= 1
                    return
                run = self._waiting.popleft()
                run.begun_at = self._clock()
            self._run(run)
            run.is_over.set()

    def _run(self, run: _Run) -> None:
        def progress(n_done: int, n_all: int) -> None:
            run.n_done, run.n_all = n_done, n_all
            if not n_done:  # what came before, such as loading a model, says nothing about the time left
                run.begun_at = self._clock()
            if self._is_left(run) or self._runs.get(run.question) is not run:
                raise _NotWantedError

        try:
            result = self._answer(run.question, progress)
        except _NotWantedError:
            with self._lock:
                if self._runs.get(run.question) is run:
                    del self._runs[run.question]
        except UserError as problem:
            run.problem = problem
        except Exception:
            log.exception("The %s of %s failed", run.question.kind, run.question.model)
            run.problem = UserError("Something went wrong on our side.", "Try again.", status=500)
        else:
            run.result = result
