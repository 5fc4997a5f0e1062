"""Which later heads read what a head writes, and which pair says most about a model.

For a reader that has a margin this is **measured** (`margin.py`): a writer counts from a tenth of the margin on. For
every other reader, and for what is asked with or passed on, there are **weights** alone (`composition.py`): how well a
reader fits a writer, as a multiple of two random heads. That says what it could read, not what it does, so readers with
a telling job go first there, and nothing is decided by the size of a fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.roles import INDUCTION_CIRCUIT, ROLES, SHOWCASE

if TYPE_CHECKING:
    from utils.circuits.composition import Composition, Fit
    from utils.circuits.jobs import Jobs
    from utils.circuits.margin import Margins

TOLD_FROM = 0.1  # of a margin; see docs/circuits.md
N_LIT = 4


@dataclass(frozen=True)
class Link:
    """A writer and a head that reads it.

    role: the job by which the reader reads, `other` without one. strength: the writer's share of the reader's margin,
    or, where it is not measured, the fit of their weights as a multiple of random.
    """

    writer: HeadId
    reader: HeadId
    role: str
    strength: float
    is_measured: bool

    @property
    def pair(self) -> tuple[HeadId, HeadId]:
        return self.writer, self.reader


class Reads:
    """Who reads whom in a model of two layers or more.

    Args: fits: of one kind, by weights. jobs: of its heads. margins: None where they are not measured, or where the
    kind is not what margins are about.
    """

    def __init__(self, fits: Composition, jobs: Jobs, margins: Margins | None):
        self.fits = fits
        self.jobs = jobs
        self.margins = margins

    @cached_property
    def measured(self) -> list[Link]:
        """All writers with a tenth of a reader's margin or more, the largest share first."""
        found = [
            Link(part.writer, part.reader, margin.role, part.share, True)
            for margin in (self.margins.readers.values() if self.margins is not None else ())
            for part in margin.ranked()
            if part.share is not None and part.share >= TOLD_FROM
        ]
        return sorted(found, key=lambda link: -link.strength)

    @property
    def is_measured(self) -> bool:
        """Whether anything is; else all is told from weights."""
        return bool(self.measured)

    def told_readers(self, writer: HeadId) -> list[Link]:
        """Who reads a head, as the drawing has it: measured where anything is, else by weights; strongest first."""
        if not self.is_measured:
            return self._fitting(writer)
        return [link for link in self.measured if link.writer == writer]

    def told_writers(self, reader: HeadId) -> list[Link]:
        """Whom a head reads, measured, the largest share first."""
        return [link for link in self.measured if link.reader == reader]

    def readers_of(self, writer: HeadId) -> list[Link]:
        """Who reads a head, strongest first; by weights where no share of it was measured. Empty in the last layer."""
        return self.told_readers(writer) or self._fitting(writer)

    def best_writer(self, reader: HeadId) -> HeadId | None:
        """Whom a head reads most; None in the first layer."""
        told = self.told_writers(reader)
        if told:
            return told[0].writer
        column = self.fits.scores[:, self.fits.shape.index(reader)]
        return self.fits.shape.at(int(np.nanargmax(column))) if np.isfinite(column).any() else None

    def lines(self, n: int) -> list[Link]:
        """The n links that say most; by weights those between two heads with a telling job, or all without such."""
        if self.is_measured:
            return self.measured[:n]
        telling = [fit for fit in self._between(self.jobs.telling) if fit.multiple > 0]
        return [self._by_weights(fit) for fit in (telling or self.fits.best(n))[:n]]

    @cached_property
    def opening(self) -> Link:
        """The pair that a page opens on: the largest measured share of what an induction head goes by, else of any.

        By weights the best fit of a textbook circuit's two jobs, else of two heads with a telling job, else of all.
        """
        if self.is_measured:
            return next((link for link in self.measured if link.role == SHOWCASE), self.measured[0])
        known = self._between(self.jobs.telling)
        textbook = [fit for fit in known if self.is_textbook(fit.writer, fit.reader)]
        return self._by_weights((textbook or known or self.fits.best(1))[0])

    def is_textbook(self, writer: HeadId, reader: HeadId) -> bool:
        """Whether a pair is the recipe of induction: its keys are made of what a previous-token head wrote."""
        roles = self.jobs.main(writer), self.jobs.main(reader)
        return self.fits.kind == "K" and roles == (INDUCTION_CIRCUIT.writer, INDUCTION_CIRCUIT.reader)

    def chosen(self, writer: HeadId | None, head: HeadId | None) -> tuple[HeadId | None, HeadId]:
        """The writer and the head to look at: those asked for, else the pair that says most.

        Args: None where nobody asked. A writer alone comes with its first reader, a head alone with its best writer.
        """
        if head is not None:
            return writer or self.best_writer(head), head
        if writer is None:
            return self.opening.pair
        readers = self.readers_of(writer)
        return writer, readers[0].reader if readers else writer

    def _fitting(self, writer: HeadId) -> list[Link]:
        """All later heads by the fit of their weights, or those with a job, of which the telling ones go first."""
        shape = self.fits.shape
        row = self.fits.scores[shape.index(writer)]
        order = np.argsort(-row, kind="stable")[: int(np.isfinite(row).sum())]  # NaN is sorted to the end
        found = [self._by_weights(self.fits.fit(writer, shape.at(int(index)))) for index in order]
        named = [link for link in found if link.reader in self.jobs.roles] or found
        return sorted(named, key=lambda link: link.reader not in self.jobs.telling)

    def _between(self, heads: Iterable[HeadId]) -> list[Fit]:
        """The fits between these heads, best first."""
        known = sorted(heads)
        pairs = [self.fits.fit(one, other) for one in known for other in known if one.layer < other.layer]
        return sorted(pairs, key=lambda fit: -fit.score)

    def _by_weights(self, fit: Fit) -> Link:
        return Link(fit.writer, fit.reader, self.jobs.main(fit.reader), fit.multiple, False)


def lit_links(reads: Reads, writer: HeadId, head: HeadId) -> list[Link]:
    """A writer's first four links; the one into the head that is looked at is among them where that has a share."""
    found = reads.readers_of(writer)
    own = [link for link in found[N_LIT:] if link.reader == head and link.is_measured]
    return found[: N_LIT - len(own)] + own


def reader_role(links: list[Link], jobs: Jobs) -> str | None:
    """The job of the heads that read a writer: of the first one that has a job of looking. None without any.

    Args: links: of one writer, strongest first.
    """
    return next((link.role for link in links if link.reader in jobs.roles and not ROLES[link.role].is_writing), None)


def with_role(links: list[Link], jobs: Jobs, role: str) -> list[Link]:
    """The links into heads that read by one job, or hold it where that is not measured."""
    return [link for link in links if (link.role == role if link.is_measured else jobs.has(link.reader, role))]


def multiples_between(fits: Composition, from_layer: int, to_layer: int) -> np.ndarray:
    """Fits [writer, reader] of the heads of two layers."""
    size = fits.shape.as_tuple
    return np.asarray(fits.scores).reshape(*size, *size)[from_layer, :, to_layer] / fits.baseline


def place_among_all(fits: Composition, fit: Fit) -> tuple[int, int]:
    """The place of a fit among all those of a model, 1 for the best, and how many those are."""
    return 1 + int((fits.scores > fit.score).sum()), int(np.isfinite(fits.scores).sum())
