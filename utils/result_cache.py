"""Results of recent questions, kept in a bounded amount of memory."""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ResultCache(Generic[Value]):
    """A store that forgets what was asked least recently once its values take more than `max_bytes`. Thread-safe."""

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Memory that the values take now, as they were declared."""
        return self._n_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Value | None:
        """The value of a question, None when it was never asked or is forgotten."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: Hashable, value: Value, n_bytes: int) -> None:
        """Keep a value that takes `n_bytes`; one larger than the whole cache is not kept."""
        with self._lock:
            self._forget(key)
            if n_bytes > self._max_bytes:
                return
            self._entries[key] = (value, n_bytes)
            self._n_bytes += n_bytes
            while self._n_bytes > self._max_bytes:
                self._forget(next(iter(self._entries)))

    def remember(self, key: Hashable, run: Callable[[], Value]) -> Value:
        """The value of a question, computed when it is not kept. Its memory is taken to be that of its pickle."""
        value = self.get(key)
        if value is None:
            value = run()
            self.put(key, value, len(pickle.dumps(value)))
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._n_bytes = 0

    def _forget(self, key: Hashable) -> None:
        _, n_bytes = self._entries.pop(key, (None, 0))
        self._n_bytes -= n_bytes
