"""The cache computes a question once however many ask, forgets what was asked least recently, and keeps its bound."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
import torch

from tests.together import WAIT_S, Gate, InBackground, at_once
from utils.errors import Fix, UserError
from utils.result_cache import ResultCache, own_progress, seal

SLOW_S = 0.2  # long enough for threads that began together to ask while another computes


def never() -> None:
    raise AssertionError("It was computed again.")


def big(n_bytes: int) -> Callable[[], np.ndarray]:
    return lambda: np.zeros(n_bytes, np.uint8)


def kept(cache: ResultCache, keys: str) -> str:
    """Which of these questions have an answer now; asking for the others leaves nothing behind."""

    def is_kept(key: str) -> bool:
        try:
            cache.once(key, never)
        except AssertionError:
            return False
        return True

    return "".join(filter(is_kept, keys))


class TestKeeping:
    def test_a_value_is_found_again_and_another_question_is_computed(self):
        cache = ResultCache(10_000)
        assert cache.once(("gpt2", "a"), lambda: "answer") == "answer"
        assert cache.once(("gpt2", "a"), never) == "answer"
        assert cache.once(("gpt2", "b"), lambda: "other") == "other"

    def test_none_is_a_result_like_others(self):
        cache = ResultCache(10_000)
        assert cache.once("a", lambda: None) is None
        assert cache.once("a", never) is None

    def test_what_was_asked_least_recently_is_forgotten_first(self):
        cache = ResultCache(35_000)
        for key in "abc":
            cache.once(key, big(10_000))
        cache.once("a", never)
        cache.once("d", big(10_000))
        assert kept(cache, "abcd") == "acd"

    def test_one_large_value_pushes_out_as_many_as_it_needs(self):
        cache = ResultCache(35_000)
        for key in "abc":
            cache.once(key, big(10_000))
        cache.once("e", big(30_000))
        assert kept(cache, "abce") == "e"
        assert 30_000 < cache.n_bytes < 31_000

    def test_a_value_larger_than_the_cache_is_given_and_not_kept_and_pushes_nothing_out(self):
        cache = ResultCache(35_000)
        cache.once("a", big(10_000))
        assert len(cache.once("h", big(36_000))) == 36_000
        assert kept(cache, "ah") == "a"

    def test_the_question_counts_as_well(self):
        cache = ResultCache(35_000)
        cache.once("x" * 40_000, lambda: "short")
        assert cache.n_bytes == 0

    def test_eight_threads_never_break_the_bound_or_the_count(self):
        cache = ResultCache(50_000)

        def ask(seed: int) -> bool:
            dice = random.Random(seed)
            for _ in range(300):
                key, size = dice.randrange(50), dice.randrange(1, 10_000)
                found = cache.once(key, lambda key=key, size=size: (key, np.zeros(size, np.uint8)))
                if found[0] != key or cache.n_bytes > 50_000:
                    return False
                if dice.random() < 0.01:
                    cache.clear()
            return True

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(8)))
        assert cache.n_bytes == sum(entry.n_bytes for entry in cache._entries.values())
        assert cache._flights == {}


class TestOnce:
    def test_eight_who_ask_at_once_get_one_and_the_same_result(self):
        cache, begun = ResultCache(10_000), []

        def run() -> list[int]:
            begun.append(1)
            time.sleep(SLOW_S)
            return [1, 2, 3]

        results = at_once([lambda: cache.once("a", run)] * 8)
        assert len(begun) == 1
        assert all(result is results[0] for result in results)

    def test_different_questions_are_computed_side_by_side(self):
        cache, both = ResultCache(10_000), threading.Barrier(2)
        run = lambda: both.wait(WAIT_S) >= 0  # noqa: E731  # breaks if only one of them is there
        assert at_once([lambda: cache.once("a", run), lambda: cache.once("b", run)]) == [True, True]

    @pytest.mark.parametrize("kept_bytes", [0, 10_000])
    def test_whoever_waits_gets_the_result_even_where_it_is_too_large_to_keep(self, kept_bytes):
        cache, run = ResultCache(kept_bytes), Gate(lambda: "answer")
        first = InBackground(lambda: cache.once("a", run))
        run.wait_until_begun()
        second = InBackground(lambda: cache.once("a", never))
        time.sleep(SLOW_S)
        run.let_go()
        assert (first.result(), second.result()) == ("answer", "answer")

    def test_a_refusal_reaches_all_who_wait_in_the_same_words_and_is_not_kept(self):
        cache, begun = ResultCache(10_000), []

        def refuse() -> None:
            begun.append(1)
            time.sleep(SLOW_S)
            raise UserError("It is too long.", "Shorten it.", 413, Fix("Shorten"))

        problems = at_once([lambda: cache.once("a", refuse)] * 8)
        assert len(begun) == 1
        words = {(problem.sentence, problem.hint, problem.status, problem.fix) for problem in problems}
        assert words == {("It is too long.", "Shorten it.", 413, Fix("Shorten"))}
        assert len({id(problem) for problem in problems}) == 8, "each thread has a trace of its own"
        assert cache.once("a", lambda: "answer") == "answer"

    def test_any_other_failure_reaches_all_who_wait_too(self):
        cache, begun = ResultCache(10_000), []

        def fail() -> None:
            begun.append(1)
            time.sleep(SLOW_S)
            raise MemoryError("no room")

        problems = at_once([lambda: cache.once("a", fail)] * 8)
        assert len(begun) == 1
        assert [type(problem) for problem in problems] == [MemoryError] * 8
        assert cache.once("a", lambda: "answer") == "answer"


class TestNesting:
    def test_a_computation_may_ask_for_another(self):
        cache = ResultCache(10_000)
        assert cache.once("a", lambda: 1 + cache.once("b", lambda: 2)) == 3
        assert (cache.once("a", never), cache.once("b", never)) == (3, 2)

    def test_what_one_needs_another_may_be_computing(self):
        cache, part = ResultCache(10_000), Gate(lambda: 2)
        alone = InBackground(lambda: cache.once("part", part))
        part.wait_until_begun()
        wholes = [
            InBackground(lambda key=key: cache.once(key, lambda: 10 * cache.once("part", never))) for key in "abc"
        ]
        time.sleep(SLOW_S)
        part.let_go()
        assert [alone.result(), *(whole.result() for whole in wholes)] == [2, 20, 20, 20]

    def test_two_who_need_what_the_other_computes_do_not_wait_for_each_other(self):
        """The first computes `left` and goes on to need `right part`; the second does it the other way round."""
        cache, both = ResultCache(10_000), threading.Barrier(2)

        def whole(own: str, other: str) -> int:
            def run() -> int:
                mine = cache.once(f"{own} part", lambda: both.wait(WAIT_S) >= 0)
                return mine + cache.once(f"{other} part", never)

            return cache.once(own, run)

        assert at_once([lambda: whole("left", "right"), lambda: whole("right", "left")]) == [2, 2]

    def test_one_that_needs_itself_is_an_error_and_does_not_hang(self):
        cache = ResultCache(10_000)
        asked = InBackground(lambda: cache.once("a", lambda: cache.once("b", lambda: cache.once("a", never))))
        assert "asked for its own result" in str(asked.result())


class TestForgetting:
    def test_everything_is_computed_again(self):
        cache = ResultCache(10_000)
        cache.once("a", lambda: "old")
        cache.clear()
        assert cache.n_bytes == 0
        assert cache.once("a", lambda: "new") == "new"

    def test_whoever_asks_later_does_not_wait_for_what_began_before_and_never_gets_it(self):
        cache, run = ResultCache(10_000), Gate(lambda: "old")
        before = InBackground(lambda: cache.once("a", run))
        run.wait_until_begun()
        cache.clear()
        assert cache.once("a", lambda: "new") == "new"
        run.let_go()
        assert before.result() == "old"
        assert cache.once("a", never) == "new"

    def test_what_began_before_is_not_kept(self):
        cache, run = ResultCache(10_000), Gate(lambda: "old")
        before = InBackground(lambda: cache.once("a", run))
        run.wait_until_begun()
        cache.clear()
        run.let_go()
        assert before.result() == "old"
        assert cache.n_bytes == 0
        assert cache.once("a", lambda: "new") == "new"

    @pytest.mark.parametrize("end", [lambda: "old", never])
    def test_the_end_of_what_began_before_does_not_end_what_began_later(self, end):
        cache, old, new = ResultCache(10_000), Gate(end), Gate(lambda: "new")
        before = InBackground(lambda: cache.once("a", old))
        old.wait_until_begun()
        cache.clear()
        after = InBackground(lambda: cache.once("a", new))
        new.wait_until_begun()
        old.let_go()
        before.result()
        joined = InBackground(lambda: cache.once("a", never))
        time.sleep(SLOW_S)
        new.let_go()
        assert (after.result(), joined.result()) == ("new", "new")


class Enough(Exception):  # noqa: N818  # as a caller may name it
    """Of one asker's own progress."""


class TestProgress:
    def test_who_computes_is_told_how_far_it_is(self):
        told: list[tuple[int, int]] = []
        progress = own_progress(lambda *done: told.append(done))
        ResultCache(10_000).once("a", lambda: progress(1, 2))
        assert told == [(1, 2)]
        own_progress(None)(1, 2)

    @pytest.mark.parametrize("ending", [Enough("I leave."), UserError("I leave.", "Go on.")])
    def test_who_leaves_gets_its_own_exception_and_who_stays_the_result(self, ending):
        cache, n_begun = ResultCache(10_000), []
        waiting = Gate(lambda *_done: (_ for _ in ()).throw(ending))

        def run(progress: Callable[[int, int], object] | None) -> str:
            n_begun.append(1)
            own_progress(progress)(1, 2)
            return "answer"

        leaving = InBackground(lambda: cache.once("a", lambda: run(waiting)))
        waiting.wait_until_begun()
        staying = [InBackground(lambda: cache.once("a", lambda: run(None))) for _ in range(4)]
        time.sleep(SLOW_S)
        assert len(n_begun) == 1
        waiting.let_go()
        assert leaving.result() is ending
        assert [asker.result() for asker in staying] == ["answer"] * 4
        assert len(n_begun) == 2

    def test_who_is_interrupted_takes_nobody_along(self):
        cache, run = ResultCache(10_000), Gate(lambda: (_ for _ in ()).throw(SystemExit))
        leaving = InBackground(lambda: cache.once("a", run))
        run.wait_until_begun()
        staying = InBackground(lambda: cache.once("a", lambda: "answer"))
        time.sleep(SLOW_S)
        run.let_go()
        assert isinstance(leaving.result(), SystemExit)
        assert staying.result() == "answer"


@dataclass(frozen=True)
class Kept:
    name: str
    array: np.ndarray
    others: object = None


class TestSealing:
    def test_arrays_become_read_only_wherever_they_are(self):
        arrays = [np.zeros(3) for _ in range(4)]
        value = Kept("a", arrays[0], MappingProxyType({"b": (arrays[1], [arrays[2]])}))
        ResultCache(10_000).once("a", lambda: (value, arrays[3][1:]))
        assert not any(array.flags.writeable for array in arrays)
        with pytest.raises(ValueError, match="read-only"):
            value.array[0] = 1

    def test_a_view_counts_with_all_that_it_keeps_in_memory(self):
        assert 80_000 < seal(np.zeros((100, 100))[3]) < 81_000
        assert 40_000 < seal(torch.zeros(100, 100)[3].numpy()) < 41_000
        assert 40_000 <= seal(torch.zeros(100, 100)[3]) < 41_000

    def test_what_stands_in_two_places_counts_once(self):
        array = np.zeros(1000)
        assert seal((array, Kept("a", array), array[:10])) < 9_000

    def test_words_and_numbers_count_too(self):
        short, long = Kept("a", np.zeros(3)), Kept("a" * 1000, np.zeros(3))
        assert seal(long) - seal(short) == 999
        assert 2_000 < seal([float(number) for number in range(60)]) < 4_000

    def test_a_class_and_a_thing_of_no_known_kind_are_not_looked_into(self):
        assert seal(Kept) > 0
        assert 0 < seal(object()) < 100
