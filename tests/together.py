"""Questions asked by several threads at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WAIT_S = 30.0  # what takes longer hangs


def at_once(asks: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each of them gives, in order; of one that raises an exception, that exception."""
    line = threading.Barrier(len(asks))

    def go(ask: Callable[[], Any]) -> Any:
        line.wait(WAIT_S)
        return ask()

    with ThreadPoolExecutor(len(asks)) as pool:
        futures = [pool.submit(go, ask) for ask in asks]
        return [future.exception(WAIT_S) or future.result() for future in futures]


def until(ask: Callable[[], Any]) -> Any:
    """The first answer that is not None, which another thread brings about."""
    end = time.monotonic() + WAIT_S
    while (answer := ask()) is None:
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return answer


class Gate:
    """A computation that stops until it is let go, and counts how often it was begun."""

    def __init__(self, run: Callable[..., Any]):
        self._run = run
        self._may_go = threading.Event()
        self._begun = threading.Semaphore(0)
        self.n_begun = 0

    def __call__(self, *asked: Any, **others: Any) -> Any:
        self.n_begun += 1
        self._begun.release()
        assert self._may_go.wait(2 * WAIT_S), "whoever waits for its begin has given up before"
        return self._run(*asked, **others)

    def wait_until_begun(self) -> None:
        assert self._begun.acquire(timeout=WAIT_S)

    def let_go(self) -> None:
        self._may_go.set()


class InBackground:
    """A question in a thread of its own."""

    def __init__(self, ask: Callable[[], Any]):
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(ask)

    @property
    def has_ended(self) -> bool:
        return self._future.done()

    def result(self) -> Any:
        """What it gave, or the exception that it raised."""
        self._pool.shutdown(wait=False)
        return self._future.exception(WAIT_S) or self._future.result()
