"""A source of weights that brings a model as slowly as a test wants, without a network."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.model_folders import copy_model
from utils.errors import UserError
from utils.models import sources
from utils.models.sources.source import Offer, Progress, Source
from utils.models.sources.store import SourceNote, new_folder, stored_models, write_note
from utils.models.sources.terms import has_accepted

MODEL, OTHER = "HuggingFaceTB/SmolLM2-135M-Instruct", "google/gemma-3-270m"
TERMS, TERMS_NAME = "Do no harm.\n\n<b>Section 2</b>\nTell others.", "Gemma Terms of Use"
NOTE = SourceNote(
    made_from="SmolLM2.gguf of the package small 1.0",
    quantisation="Q4_1",
    bits=4,
    hashes={"small 1.0": "ab" * 32, "SmolLM2.gguf": "cd" * 32},
)


class FakeSource(Source):
    """Brings both models that stand in the package registry; the second one has terms.

    go_on: a fetch waits at 40 % until this is set, and tells its progress meanwhile. problem: what it ends with.
    """

    place = "from the package registry"
    go_on = threading.Event()
    problem: UserError | None = None
    terms_problem: UserError | None = None

    def folders(self, name: str) -> Iterable[Path]:
        return (stored_models(self.settings) / name.rpartition("/")[2],) if name in (MODEL, OTHER) else ()

    @property
    def removable_from(self) -> Path | None:
        return stored_models(self.settings)

    def offer(self, name: str) -> Offer | None:
        if name not in (MODEL, OTHER):
            return None
        terms = TERMS_NAME if name == OTHER and not has_accepted(name, self.settings) else None
        return Offer(92_871_040, 272_600_000, terms=terms)

    def terms(self, name: str) -> str | None:
        if self.terms_problem is not None:
            raise self.terms_problem
        return TERMS if name == OTHER else None

    def fetch(self, name: str, progress: Progress) -> Path:
        (target,) = self.folders(name)
        progress(0.4, "Fetching it, 37 MB are here")
        while not self.go_on.wait(0.05):
            progress(0.4, "Fetching it, 37 MB are here")
        if self.problem is not None:
            raise self.problem
        with new_folder(target) as partial:
            partial.rmdir()
            copy_model(partial)
            write_note(partial, NOTE)
        return target


@pytest.fixture
def source(monkeypatch) -> type[FakeSource]:
    """The fake source in place of those that need a network."""

    class OfThisTest(FakeSource):
        go_on = threading.Event()

    local = tuple(each for each in sources.SOURCES if each.__name__ in ("ShippedFolder", "OperatorFolder"))
    monkeypatch.setattr(sources, "SOURCES", (*local, OfThisTest))
    yield OfThisTest
    OfThisTest.go_on.set()
