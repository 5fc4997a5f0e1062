"""Circuits without a model: fits and margins made up by rule around the heads of `fake_service.py`, in the real types.

L1H4 (previous token) fits the induction heads L2H3, L3H1 and L2H6 at 2.8, 2.5 and 2.0 times random. L0H1 into L3H7 is
the highest fit of all, and narrow. L1H2, which has no job, fits L2H3 almost as well as L1H4. Margins are measured where
a test gives shares, such as `SHARES`: each reader's margin is 10 logits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.fake_service import MISSING_MODEL, N_HEADS, N_LAYERS, FakeHeadlight
from utils.circuits.average_pattern import AveragePattern
from utils.circuits.composition import Composition
from utils.circuits.head_circuits import HeadCircuits
from utils.circuits.jobs import Jobs, jobs_of
from utils.circuits.margin import Margins, ReaderMargin
from utils.circuits.token_circuits import TokenCircuits
from utils.experiments.direct_logits import Push
from utils.heads import HeadId, Shape
from utils.result_cache import Progress

BASELINE, SPREAD, D_HEAD, BROAD_FROM = 0.05, 0.001, 32, 8.0
WRITER, READER = HeadId(1, 4), HeadId(2, 3)
NARROW = (HeadId(0, 1), HeadId(3, 7))
MULTIPLES = {
    (WRITER, READER): 2.8,
    (WRITER, HeadId(3, 1)): 2.5,
    (WRITER, HeadId(2, 6)): 2.0,
    (HeadId(1, 2), READER): 2.6,
    NARROW: 6.0,
}
SHARES = {  # of the margin of each reader; MLPs carry the rest
    (WRITER, READER): 0.7,
    (HeadId(0, 2), READER): 0.2,
    (WRITER, HeadId(2, 6)): 0.9,
    (WRITER, HeadId(3, 1)): 0.3,
    (READER, HeadId(3, 1)): 0.05,
}
MARGIN = 10.0


class FakeCircuits:
    """Takes the place of `utils.circuits.circuits.Circuits`."""

    def __init__(
        self,
        service: FakeHeadlight,
        n_layers: int = N_LAYERS,
        multiples: dict | None = None,
        shares: dict | None = None,
    ):
        self._service = service
        self._shares = shares or {}
        self._shape = Shape(n_layers, N_HEADS)
        self._multiples = MULTIPLES if multiples is None else multiples
        self.is_known = True
        self.comparing: Callable[[Progress], object] = lambda _progress: None

    def heads_of(self, model: str) -> Shape:
        return self._shape

    def needs_model(self, model: str) -> bool:
        return model == MISSING_MODEL

    def knows(self, model: str, kind: str) -> bool:
        return self.is_known

    def jobs(self, model: str) -> Jobs:
        return jobs_of(model, self._service.catalogue(model), self._shape)

    def margins(self, model: str, progress: Progress | None = None) -> Margins:
        return fake_margins(self._shares)

    def compare(self, model: str, kind: str, progress: Progress) -> Composition:
        self.comparing(progress)
        return self.composition(model, kind)

    def composition(self, model: str, kind: str) -> Composition:
        return fake_composition(kind, self._shape.n_layers, self._multiples if kind == "K" else {})

    def of_head(self, model: str, head: tuple[int, int]) -> HeadCircuits:
        values = np.linspace(3, 0.1, D_HEAD)
        return HeadCircuits(
            HeadId(*head), 0.74, None, values, values, 20.0, 21.0, np.linspace(1, -1, 16), "Norm folded in.", "Learned."
        )

    def copying_scores(self, model: str) -> np.ndarray:
        scores = np.linspace(-0.9, 0.9, self._shape.n_layers * N_HEADS).reshape(-1, N_HEADS)
        scores[READER if self._shape.n_layers > 1 else (0, 3)] = 0.74
        return scores

    def token_circuits(
        self, model: str, prompt: str, head: tuple[int, int], through: tuple[int, int] | None = None
    ) -> TokenCircuits:
        """A diagonal through an earlier head, and nothing of the kind alone; each token pushes itself up."""
        all_tokens = self._service.forward(model, prompt).tokens
        tokens = tuple({token.id: token for token in all_tokens}.values())[:24]
        looks_for = np.eye(len(tokens)) if through else np.tile(np.arange(len(tokens), dtype=float), (len(tokens), 1))
        writes = {place: (Push(token, 2.4), Push(tokens[0], -0.5)) for place, token in enumerate(tokens)}
        earlier = HeadId(*through) if through else None
        return TokenCircuits(HeadId(*head), earlier, tokens, 0, looks_for, writes)

    def average_pattern(self, model: str, head: tuple[int, int]) -> AveragePattern:
        return AveragePattern(HeadId(*head), np.tri(12) / np.arange(1, 13)[:, None], 20, False)


class CircuitsService(FakeHeadlight):
    """The fake service with circuits."""

    def __init__(self, n_layers: int = N_LAYERS, multiples: dict | None = None, shares: dict | None = None):
        super().__init__()
        self.circuits = FakeCircuits(self, n_layers, multiples, shares)  # type: ignore[assignment]


def fake_margins(shares: dict[tuple[HeadId, HeadId], float]) -> Margins:
    """Each reader of these pairs with its writers; what they leave is the MLPs'."""
    readers = {}
    for reader in sorted({reader for _, reader in shares}):
        writers = np.zeros((reader.layer, N_HEADS))
        for (writer, read_by), share in shares.items():
            if read_by == reader:
                writers[writer] = MARGIN * share
        readers[reader] = ReaderMargin(reader, "induction", MARGIN, writers, 0.0, MARGIN - float(writers.sum()), 0.0)
    return Margins(readers, 8, 40)


def fake_composition(kind: str, n_layers: int, multiples: dict[tuple[HeadId, HeadId], float]) -> Composition:
    """All pairs near random, but for those given."""
    n = n_layers * N_HEADS
    layer = np.arange(n) // N_HEADS
    multiple = 0.9 + 0.2 * np.random.default_rng(3).random((n, n))
    breadth = np.full((n, n), 20.0)
    for (writer, reader), value in multiples.items():
        place = writer.layer * N_HEADS + writer.head, reader.layer * N_HEADS + reader.head
        multiple[place] = value
        breadth[place] = 2.0 if (writer, reader) == NARROW else 20.0
    is_later = layer[:, None] < layer[None, :]
    return Composition(
        kind=kind,
        n_layers=n_layers,
        n_heads=N_HEADS,
        scores=np.where(is_later, multiple * BASELINE, np.nan),
        baseline=BASELINE,
        baseline_spread=SPREAD,
        breadth=np.where(is_later, breadth, np.nan),
        random_breadth=22.0,
        broad_from=BROAD_FROM,
    )
