"""Results of recent questions: each computed once, however many ask at the same time, and kept in bounded memory.

Whoever asks first computes; whoever asks the same meanwhile waits and gets that very result. Nobody waits for another
question.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from utils.errors import UserError

POINTER_BYTES = 8
STAGE_PARTS = 1000

Progress = Callable[[int, int], object]
Value = TypeVar("Value")


@dataclass(frozen=True)
class _Entry:
    value: Any
    n_bytes: int


@dataclass(frozen=True, eq=False)
class _Flight:
    """A computation on its way. owner: the thread that computes. future: cancelled where the owner gave up, and whoever
    waits has to compute."""

    owner: int = field(default_factory=threading.get_ident)
    future: Future[Any] = field(default_factory=Future)


class _EndedByAskerError(Exception):
    """The progress of the one who computes raised `problem`, which is nobody else's."""

    def __init__(self, problem: Exception):
        super().__init__()
        self.problem = problem


class ResultCache:
    """A store that forgets what was asked least recently once questions and values take more than `max_bytes`.

    Thread-safe. A computation may ask for other results of the same store.
    """

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._n_bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Memory that questions and values take now, as `seal` counts it."""
        return self._n_bytes

    def once(self, key: Hashable, run: Callable[[], Value]) -> Value:
        """The result of a question: kept, or being computed by somebody, or computed now.

        Its arrays become read-only. A failure is not kept: all who waited get the same exception, a UserError in the
        same words, and the next one to ask computes again. Where the one who computed was stopped, by its own progress
        (`own_progress`) or with its thread, one of those who waited computes instead.
        Raises: whatever `run` raises; RuntimeError for a computation that asks for its own result.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    self._entries.move_to_end(key)
                    value: Value = self._entries[key].value
                    return value
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = _Flight()
                    break
            with suppress(CancelledError):
                return _landed(flight)
        return self._compute(key, mine, run)

    def has(self, key: Hashable) -> bool:
        """Whether the result of a question is kept now."""
        with self._lock:
            return key in self._entries

    def clear(self) -> None:
        """Forget everything: what is being computed now is still given to those who wait for it, and not kept."""
        with self._lock:
            self._entries.clear()
            self._flights.clear()
            self._n_bytes = 0

    def _compute(self, key: Hashable, flight: _Flight, run: Callable[[], Value]) -> Value:
        try:
            value = run()
            n_bytes = seal((key, value))
        except _EndedByAskerError as ended:
            self._land(key, flight)
            flight.future.cancel()
            raise ended.problem from None
        except Exception as problem:
            self._land(key, flight)
            flight.future.set_exception(problem)
            raise
        except BaseException:
            self._land(key, flight)
            flight.future.cancel()
            raise
        self._land(key, flight, _Entry(value, n_bytes))
        flight.future.set_result(value)
        return value

    def _land(self, key: Hashable, flight: _Flight, entry: _Entry | None = None) -> None:
        """End a flight and keep what it brought, unless it began before all was forgotten, or is too large."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
            if entry is None or entry.n_bytes > self._max_bytes:
                return
            self._entries[key] = entry
            self._n_bytes += entry.n_bytes
            while self._n_bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._n_bytes -= oldest.n_bytes


def nobody_asks(_n_done: int, _n_all: int) -> None:
    """Progress for a caller who does not ask."""


def stage(progress: Progress, begin: float, end: float) -> Progress:
    """Progress of one stage of a longer work, told in parts of a thousand. Args: begin, end: shares of that work."""

    def tell(n_done: int, n_all: int) -> None:
        progress(round(STAGE_PARTS * (begin + (end - begin) * n_done / n_all)), STAGE_PARTS)

    return tell


def own_progress(progress: Progress | None) -> Progress:
    """What to call in a computation of `ResultCache.once` to tell how far it is.

    An exception of `progress` ends the computation for its own asker only, who gets that exception.
    """

    def tell(n_done: int, n_all: int) -> None:
        try:
            if progress is not None:
                progress(n_done, n_all)
        except Exception as problem:
            raise _EndedByAskerError(problem) from problem

    return tell


def seal(value: object) -> int:
    """Make all arrays in a value read-only, since others are given the same ones. Returns the bytes that it takes.

    Counted is each object once, through dataclasses, tuples, mappings and other plain containers. An array counts with
    the whole of the array or tensor that it is a view of, which it keeps in memory.
    """
    n_bytes = 0
    for part in parts_of(value):
        if isinstance(part, np.ndarray):
            part.setflags(write=False)
        n_bytes += _bytes_of(part)
    return n_bytes


def parts_of(value: object) -> Iterator[object]:
    """A value and everything inside it, each object once."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            waiting += _inside(part)
            yield part


def _inside(part: object) -> list[object]:
    if isinstance(part, str | int | float):  # most parts are, and this is much the fastest
        return []
    if isinstance(part, np.ndarray):
        return [] if part.base is None else [part.base]
    if is_dataclass(part) and not isinstance(part, type):
        return [getattr(part, each.name) for each in fields(part)]
    if isinstance(part, Mapping):
        return [*part, *part.values()]
    return list(part) if isinstance(part, tuple | list | set | frozenset) else []


def _bytes_of(part: object) -> int:
    """Memory of an object by itself, and of the pointers to what is inside it."""
    storage = getattr(part, "untyped_storage", None)  # a tensor's
    if storage is not None:
        return int(storage().nbytes())
    return sys.getsizeof(part) + POINTER_BYTES * len(_inside(part))


def _landed(flight: _Flight) -> Any:
    """The result of somebody else's computation, once it is there. Raises: its exception; CancelledError where that
    somebody gave up."""
    if flight.owner == threading.get_ident():
        raise RuntimeError("A computation asked for its own result.")
    problem = flight.future.exception()
    if isinstance(problem, UserError):
        raise problem.again()  # the same words; each thread has a trace of its own
    return flight.future.result()
