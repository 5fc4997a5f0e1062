"""What the circuits page shows. All of it follows from the address.

`kind` is Q, K or V; `fits` is `all` or, by default, `broad`; `writer` and `head` are the chosen earlier head and the
head looked at up close, written `4.11`; `from` and `to` are the two layers of the map; `looks=alone` leaves out the
earlier head up close; `test=1` runs the path test.

A *fit* is a composition score as a multiple of that of two random heads. A *named* head is one with a job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import numpy as np

from components.address import Question
from utils.errors import Fix, UserError
from utils.heads import HeadId
from utils.literature import published_scores
from utils.model_config import display_name_of
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from utils.circuits.composition import Composition, Fit
    from utils.service import Headlight

PATH = "/circuits"
KINDS = ("Q", "K", "V")
DEFAULT_KIND = "K"
BROAD, ALL = "broad", "all"
ALONE, THROUGH = "alone", "through"
CLEAR_FROM = 1.5  # times random, from which a fit is called clearly better than random
PUBLISHED_FROM = 0.4  # a published score above this counts as a job; the sources have no chance level
N_LINES = 24
N_LIT = 4
CHOICES = ("kind", "fits", "writer", "head", "from", "to", "looks", "test")


@dataclass(frozen=True)
class Jobs:
    """The jobs of a model's heads, main one first, and where they are known from.

    source: `catalogue` (measured by Headlight), `published` (scores of others), or empty where nothing is known.
    """

    roles: dict[HeadId, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""

    def main(self, head: HeadId) -> str:
        """The role that a head is shown as; `other` when it has none."""
        return self.roles.get(head, (OTHER,))[0]

    def has(self, head: HeadId, role: str) -> bool:
        return role in self.roles.get(head, ())


@dataclass(frozen=True, eq=False)
class CircuitsView:
    """One state of the page.

    shape: layers, heads per layer. fits: None for a model of one layer. writer: the chosen earlier head, None where no
    head comes earlier than `head`. reader_role: the job of the heads that read the writer's note best, None where no
    named head reads it. layers: the two of the map.
    """

    question: Question
    model_name: str
    shape: tuple[int, int]
    needs_model: bool
    jobs: Jobs
    fits: Composition | None
    head: HeadId
    kind: str = DEFAULT_KIND
    broad_only: bool = True
    writer: HeadId | None = None
    reader_role: str | None = None
    layers: tuple[int, int] = (0, 1)
    is_alone: bool = False
    is_tested: bool = False
    given: dict[str, str] = field(default_factory=dict)

    def href(self, **changes: str | None) -> str:
        """The address of this page with other choices; None takes one back."""
        return PATH + self.search(**changes)

    def search(self, **changes: str | None) -> str:
        """The same, from `?` on."""
        choices = {key: value for key, value in (self.given | changes).items() if value is not None}
        asked = {"model": self.question.model, "prompt": self.question.prompt}
        return "?" + urlencode(asked | choices)

    def choosing(self, head: HeadId) -> dict[str, str | None]:
        """The choices after a press on a head of the graph: as the writer, or as the reader in the last layer."""
        rest: dict[str, str | None] = {"head": None, "writer": None, "from": None, "to": None, "test": None}
        return rest | {"head" if head.layer == self.shape[0] - 1 else "writer": short(head)}

    @property
    def best_earlier(self) -> HeadId | None:
        """The earlier head that fits the head up close best; None in the first layer."""
        return best_writer(self.fits, self.head, self.broad_only) if self.fits is not None else None

    @property
    def through(self) -> HeadId | None:
        """The earlier head that the close-up reads through: the chosen writer, or the best earlier fit."""
        if self.writer is not None and self.writer.layer < self.head.layer:
            return self.writer
        return self.best_earlier

    @property
    def tested_writer(self) -> HeadId | None:
        """The head that the path test switches off, None where no named head reads the writer's note."""
        return self.writer if self.reader_role is not None else None

    @cached_property
    def lit(self) -> list[Fit]:
        """The lit lines: the writer's best four into named heads, or, where it has none there, its best four of all.

        Those near random are left out, unless all are.
        """
        if self.fits is None or self.writer is None:
            return []
        fits = named_first(readers_of(self.fits, self.writer, self.broad_only), self.jobs)
        return ([fit for fit in fits if fit.multiple >= CLEAR_FROM] or fits)[:N_LIT]

    @cached_property
    def readers(self) -> list[Fit]:
        """The writer's fit with every later head that has the readers' job (or, without one, its best), best first."""
        if self.fits is None or self.writer is None:
            return []
        role = self.reader_role
        if role is None:
            return self.lit
        fits = readers_of(self.fits, self.writer, broad_only=False)
        return [fit for fit in fits if self.jobs.has(fit.reader, role)]


def circuits_view(service: Headlight, question: Question, search: str) -> CircuitsView:
    """The page's state for one address; a choice that means nothing is left out.

    May take long, since all pairs of heads are compared. Raises UserError for an unknown model, for one whose weights
    are needed and not here, and for heads that the model does not have.
    """
    given = {key: value for key, value in parse_qsl(search.lstrip("?")) if key in CHOICES}
    known = service.circuits.heads_of(question.model)
    shape = (known.n_layers, known.n_heads)
    kind = given["kind"] if given.get("kind") in KINDS else DEFAULT_KIND
    broad_only = given.get("fits") != ALL
    jobs = jobs_of(service, question.model, shape)
    fits = service.circuits.composition(question.model, kind) if shape[0] > 1 else None
    asked = [_asked(given.get(key), shape, question.model) for key in ("writer", "head")]
    writer, head = _chosen(fits, jobs, broad_only, *asked)
    return CircuitsView(
        question=question,
        model_name=display_name_of(question.model),
        shape=shape,
        needs_model=service.circuits.needs_model(question.model),
        jobs=jobs,
        fits=fits,
        head=head,
        kind=kind,
        broad_only=broad_only,
        writer=writer,
        reader_role=_reader_role(fits, jobs, writer, broad_only),
        layers=_layers(given, shape, writer, head),
        is_alone=given.get("looks") == ALONE,
        is_tested=given.get("test") == "1",
        given=given,
    )


def jobs_of(service: Headlight, model: str, shape: tuple[int, int]) -> Jobs:
    """What is known of the heads: the catalogue, else scores that others published, else nothing."""
    heads = [HeadId(*index) for index in np.ndindex(shape)]
    catalogue = service.catalogue(model)
    if catalogue is not None:
        roles = {head: catalogue.roles_of(head) for head in heads}
        return Jobs({head: held for head, held in roles.items() if held}, "catalogue")
    scores = published_scores(model)
    if scores is None:
        return Jobs()
    by_score = {head: sorted(scores, key=lambda role: -scores[role][head]) for head in heads}
    held = {
        head: tuple(role for role in roles if scores[role][head] > PUBLISHED_FROM) for head, roles in by_score.items()
    }
    return Jobs({head: roles for head, roles in held.items() if roles}, "published")


def readers_of(fits: Composition, writer: HeadId, broad_only: bool) -> list[Fit]:
    """The fits of a head with all later heads, best first; empty in the last layer."""
    row = scores_of(fits, broad_only)[index_of(writer, fits.n_heads)]
    order = np.argsort(-row, kind="stable")[: int(np.isfinite(row).sum())]  # NaN is sorted to the end
    return [fits.fit(writer, HeadId(*divmod(int(index), fits.n_heads))) for index in order]


def named_readers(fits: Composition, jobs: Jobs, writer: HeadId, broad_only: bool) -> list[Fit]:
    """The fits of a head with all later heads that have a job, best first."""
    return [fit for fit in readers_of(fits, writer, broad_only) if fit.reader in jobs.roles]


def named_first(fits: list[Fit], jobs: Jobs) -> list[Fit]:
    """The fits with readers that have a job; all of them where none has one."""
    return [fit for fit in fits if fit.reader in jobs.roles] or fits


def best_named_pair(fits: Composition, jobs: Jobs, broad_only: bool = True) -> Fit | None:
    """The best fit between two heads that both have a job; None without any."""
    named = [index_of(head, fits.n_heads) for head in jobs.roles]
    scores = scores_of(fits, broad_only)[np.ix_(named, named)]
    if not np.isfinite(scores).any():
        return None
    writer, reader = divmod(int(np.nanargmax(scores)), len(named))
    heads = list(jobs.roles)
    return fits.fit(heads[writer], heads[reader])


def best_writer(fits: Composition, reader: HeadId, broad_only: bool) -> HeadId | None:
    """The earlier head with the best fit for a reader; with the best of all fits where none of them is broad."""
    column = index_of(reader, fits.n_heads)
    for scores in (scores_of(fits, broad_only)[:, column], fits.scores[:, column]):
        if np.isfinite(scores).any():
            return HeadId(*divmod(int(np.nanargmax(scores)), fits.n_heads))
    return None


def scores_of(fits: Composition, broad_only: bool) -> np.ndarray:
    """Scores [writer, reader] over all heads; NaN where the writer is not earlier, or the fit is not broad."""
    return np.where(fits.breadth >= fits.broad_from, fits.scores, np.nan) if broad_only else fits.scores


def multiples_between(fits: Composition, from_layer: int, to_layer: int) -> np.ndarray:
    """Fits [writer, reader] of the heads of two layers."""
    n = fits.n_heads
    block = fits.scores[from_layer * n : (from_layer + 1) * n, to_layer * n : (to_layer + 1) * n]
    return np.asarray(block) / fits.baseline


def index_of(head: HeadId, n_heads: int) -> int:
    """The row or column of a head in a matrix over all heads."""
    return head.layer * n_heads + head.head


def short(head: HeadId) -> str:
    """A head as the address writes it, `4.11`."""
    return f"{head.layer}.{head.head}"


def role_name(role: str) -> str:
    """`induction`, `previous token`."""
    return ROLES[role].display_name.lower()


def _chosen(
    fits: Composition | None, jobs: Jobs, broad_only: bool, writer: HeadId | None, head: HeadId | None
) -> tuple[HeadId | None, HeadId]:
    """The writer and the head up close: those of the address, else the pair that the page opens on."""
    if fits is None:
        return None, head or min(jobs.roles, default=HeadId(0, 0))
    if head is not None:
        return writer or best_writer(fits, head, broad_only), head
    if writer is None:
        pair = best_named_pair(fits, jobs, broad_only) or (fits.best(1, broad_only) or fits.best(1, False))[0]
        return pair.writer, pair.reader
    readers = named_first(readers_of(fits, writer, broad_only) or readers_of(fits, writer, False), jobs)
    return writer, readers[0].reader if readers else writer


def _asked(text: str | None, shape: tuple[int, int], model: str) -> HeadId | None:
    """The head that a link names; None where it names none. Raises UserError for one that the model does not have."""
    if not text:
        return None
    try:
        head = HeadId.parse(text)
    except ValueError:
        return None
    if head.layer >= shape[0] or head.head >= shape[1]:
        raise UserError(
            f"This model has layers 0 to {shape[0] - 1} and heads 0 to {shape[1] - 1}.",
            f"The link asked for {head}.",
            status=404,
            fix=Fix("See the jobs of its heads", model=model),
        )
    return head


def _reader_role(fits: Composition | None, jobs: Jobs, writer: HeadId | None, broad_only: bool) -> str | None:
    if fits is None or writer is None:
        return None
    readers = named_readers(fits, jobs, writer, broad_only)
    return jobs.main(readers[0].reader) if readers else None


def _layers(given: dict[str, str], shape: tuple[int, int], writer: HeadId | None, head: HeadId) -> tuple[int, int]:
    """The two layers of the map, the second one always later."""
    last = shape[0] - 1
    from_layer = _number(given.get("from"), writer.layer if writer is not None else 0, last - 1)
    to_layer = _number(given.get("to"), head.layer, last)
    return from_layer, to_layer if to_layer > from_layer else min(last, from_layer + 1)


def _number(text: str | None, default: int, most: int) -> int:
    return max(0, min(int(text) if text and text.isdecimal() else default, most))
