"""Which later heads read what a head writes, best first, and which pair of heads says most about a model.

A *fit* is a composition score as a multiple of that of two random heads; a *broad* one rests on many directions
(`composition.py`). A *named* head is one with a job (`jobs.py`); named readers go before others, since only of them can
be said what they would do with what they read. Throughout, broad_only leaves out fits that are not broad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.roles import INDUCTION_CIRCUIT

if TYPE_CHECKING:
    from utils.circuits.composition import Composition, Fit
    from utils.circuits.jobs import Jobs

CLEAR_FROM = 1.5  # times random, from which a fit is called clearly better than random
N_LIT = 4


def is_clear(fit: Fit) -> bool:
    """Whether two heads fit clearly better than random ones."""
    return fit.multiple >= CLEAR_FROM


def is_broad(fits: Composition, fit: Fit) -> bool:
    """Whether a fit rests on many directions, so that few other pairs share it by chance."""
    return fit.breadth >= fits.broad_from


def is_induction(jobs: Jobs, pair: Fit, kind: str) -> bool:
    """Whether a pair is the recipe of induction: its keys are made of what a previous-token head wrote."""
    roles = jobs.main(pair.writer), jobs.main(pair.reader)
    return kind == "K" and roles == (INDUCTION_CIRCUIT.writer, INDUCTION_CIRCUIT.reader)


def readers_of(fits: Composition, writer: HeadId, broad_only: bool) -> list[Fit]:
    """The fits of a head with all later heads, best first; empty in the last layer."""
    shape = fits.shape
    row = fits.candidates(broad_only)[shape.index(writer)]
    order = np.argsort(-row, kind="stable")[: int(np.isfinite(row).sum())]  # NaN is sorted to the end
    return [fits.fit(writer, shape.at(int(index))) for index in order]


def readers_with_job(fits: Composition, jobs: Jobs, writer: HeadId, role: str, broad_only: bool) -> list[Fit]:
    """The fits of a head with all later heads that have one job, best first."""
    return [fit for fit in readers_of(fits, writer, broad_only) if jobs.has(fit.reader, role)]


def named_readers(fits: Composition, jobs: Jobs, writer: HeadId, broad_only: bool) -> list[Fit]:
    """The fits of a head with all later heads that have a job, best first."""
    return [fit for fit in readers_of(fits, writer, broad_only) if fit.reader in jobs.roles]


def named_first(fits: list[Fit], jobs: Jobs) -> list[Fit]:
    """The fits with readers that have a job; all of them where none has one."""
    return [fit for fit in fits if fit.reader in jobs.roles] or fits


def telling_first(fits: list[Fit], jobs: Jobs) -> list[Fit]:
    """The clear fits with readers whose job says much; all of them where there is none."""
    return [fit for fit in fits if fit.reader in jobs.telling and is_clear(fit)] or fits


def lit_fits(fits: Composition, jobs: Jobs, writer: HeadId, broad_only: bool) -> list[Fit]:
    """A writer's best four fits with named heads, or, where it has none there, its best four of all.

    Those near random are left out, unless all are.
    """
    found = named_first(readers_of(fits, writer, broad_only), jobs)
    return ([fit for fit in found if is_clear(fit)] or found)[:N_LIT]


def reader_role(fits: Composition | None, jobs: Jobs, writer: HeadId | None, broad_only: bool) -> str | None:
    """The main job of the named head that fits a writer best, of one whose job says much where such a head fits
    clearly; None without any, as in a model of one layer."""
    if fits is None or writer is None:
        return None
    readers = telling_first(named_readers(fits, jobs, writer, broad_only), jobs)
    return jobs.main(readers[0].reader) if readers else None


def best_named_pair(fits: Composition, jobs: Jobs, broad_only: bool = True) -> Fit | None:
    """The best fit between two heads that both have a job, one that says much where such a pair fits clearly; None
    without any."""
    best = _best_pair(fits, sorted(jobs.telling), broad_only)
    return best if best is not None and is_clear(best) else _best_pair(fits, list(jobs.roles), broad_only)


def _best_pair(fits: Composition, heads: list[HeadId], broad_only: bool) -> Fit | None:
    named = [fits.shape.index(head) for head in heads]
    scores = fits.candidates(broad_only)[np.ix_(named, named)]
    if not np.isfinite(scores).any():
        return None
    writer, reader = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    return fits.fit(heads[writer], heads[reader])


def best_writer(fits: Composition, reader: HeadId, broad_only: bool) -> HeadId | None:
    """The earlier head with the best fit for a reader; with the best of all fits where none of them is broad."""
    shape = fits.shape
    column = shape.index(reader)
    for scores in (fits.candidates(broad_only)[:, column], fits.scores[:, column]):
        if np.isfinite(scores).any():
            return shape.at(int(np.nanargmax(scores)))
    return None


def chosen_pair(
    fits: Composition | None, jobs: Jobs, broad_only: bool, writer: HeadId | None, head: HeadId | None
) -> tuple[HeadId | None, HeadId]:
    """The writer and the head to look at: those asked for, else the pair that says most.

    Args: fits: None for a model of one layer, in which no head writes for another. writer, head: None where nobody
    asked. A writer alone comes with the head that reads it best, a head alone with its best writer.
    """
    if fits is None:
        return None, head or min(jobs.roles, default=HeadId(0, 0))
    if head is not None:
        return writer or best_writer(fits, head, broad_only), head
    if writer is None:
        pair = best_named_pair(fits, jobs, broad_only) or (fits.best(1, broad_only) or fits.best(1, False))[0]
        return pair.writer, pair.reader
    readers = named_first(readers_of(fits, writer, broad_only) or readers_of(fits, writer, False), jobs)
    return writer, telling_first(readers, jobs)[0].reader if readers else writer


def multiples_between(fits: Composition, from_layer: int, to_layer: int) -> np.ndarray:
    """Fits [writer, reader] of the heads of two layers."""
    size = fits.shape.as_tuple
    return np.asarray(fits.scores).reshape(*size, *size)[from_layer, :, to_layer] / fits.baseline


def best_multiple(fits: Composition, broad_only: bool) -> float:
    """The best fit of a model; the best of all where none is broad. For a model of two layers or more."""
    scores = fits.candidates(broad_only)
    return float(np.nanmax(scores if np.isfinite(scores).any() else fits.scores)) / fits.baseline


def place_among_all(fits: Composition, fit: Fit, broad_only: bool) -> tuple[int, int]:
    """The place of a fit among all those of a model, 1 for the best, and how many those are."""
    scores = fits.candidates(broad_only)
    return 1 + int((scores > fit.score).sum()), int(np.isfinite(scores).sum())
