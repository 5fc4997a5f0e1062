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

from components.address import CIRCUITS_PATH, Question, asked
from utils.circuits.jobs import Jobs, jobs_of
from utils.circuits.pair_products import KINDS
from utils.circuits.readers import best_writer, chosen_pair, lit_fits, reader_role, readers_with_job
from utils.heads import HeadId, Shape
from utils.model_config import display_name_of
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.circuits.composition import Composition, Fit
    from utils.service import Headlight

DEFAULT_KIND = "K"
BROAD, ALL = "broad", "all"
ALONE, THROUGH = "alone", "through"
N_LINES = 24
CHOICES = ("kind", "fits", "writer", "head", "from", "to", "looks", "test")


@dataclass(frozen=True, eq=False)
class CircuitsView:
    """One state of the page.

    fits: None for a model of one layer. writer: the chosen earlier head, None where no head comes earlier than `head`.
    reader_role: the job of the heads that read the writer's note best, None where no named head reads it. layers: the
    two of the map.
    """

    question: Question
    model_name: str
    shape: Shape
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
        return CIRCUITS_PATH + self.search(**changes)

    def search(self, **changes: str | None) -> str:
        """The same, from `?` on."""
        choices = {key: value for key, value in (self.given | changes).items() if value is not None}
        return "?" + urlencode(asked(self.question.model, self.question.prompt) | choices)

    def choosing(self, head: HeadId) -> dict[str, str | None]:
        """The choices after a press on a head of the graph: as the writer, or as the reader in the last layer."""
        rest: dict[str, str | None] = {"head": None, "writer": None, "from": None, "to": None, "test": None}
        return rest | {"head" if head.layer == self.shape.n_layers - 1 else "writer": head.dotted}

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
        """The lit lines: the writer's best four."""
        if self.fits is None or self.writer is None:
            return []
        return lit_fits(self.fits, self.jobs, self.writer, self.broad_only)

    @cached_property
    def readers(self) -> list[Fit]:
        """The writer's fit with every later head that has the readers' job (or, without one, its best), best first."""
        if self.fits is None or self.writer is None:
            return []
        if self.reader_role is None:
            return self.lit
        return readers_with_job(self.fits, self.jobs, self.writer, self.reader_role, broad_only=False)


def circuits_view(service: Headlight, question: Question, search: str) -> CircuitsView:
    """The page's state for one address; a choice that means nothing is left out.

    May take long, since all pairs of heads are compared. Raises UserError for an unknown model, for one whose weights
    are needed and not here, and for heads that the model does not have.
    """
    given = {key: value for key, value in parse_qsl(search.lstrip("?")) if key in CHOICES}
    shape = service.circuits.heads_of(question.model)
    kind = kind_of_search(search)
    broad_only = given.get("fits") != ALL
    jobs = jobs_of(question.model, service.catalogue(question.model), shape)
    fits = service.circuits.composition(question.model, kind) if shape.n_layers > 1 else None
    asked = [_asked(given.get(key), shape) for key in ("writer", "head")]
    writer, head = chosen_pair(fits, jobs, broad_only, *asked)
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
        reader_role=reader_role(fits, jobs, writer, broad_only),
        layers=_layers(given, shape, writer, head),
        is_alone=given.get("looks") == ALONE,
        is_tested=given.get("test") == "1",
        given=given,
    )


def kind_of_search(search: str) -> str:
    """The kind of composition that an address asks for: Q, K or V."""
    kind = dict(parse_qsl(search.lstrip("?"))).get("kind")
    return kind if kind in KINDS else DEFAULT_KIND


def role_name(role: str) -> str:
    """`induction`, `previous token`."""
    return ROLES[role].display_name.lower()


def _asked(text: str | None, shape: Shape) -> HeadId | None:
    """The head that a link names; None where it names none. Raises UserError for one that the model does not have."""
    if not text:
        return None
    try:
        head = HeadId.parse(text)
    except ValueError:
        return None
    return shape.require(*head)


def _layers(given: dict[str, str], shape: Shape, writer: HeadId | None, head: HeadId) -> tuple[int, int]:
    """The two layers of the map, the second one always later."""
    last = shape.n_layers - 1
    from_layer = _number(given.get("from"), writer.layer if writer is not None else 0, last - 1)
    to_layer = _number(given.get("to"), head.layer, last)
    return from_layer, to_layer if to_layer > from_layer else min(last, from_layer + 1)


def _number(text: str | None, default: int, most: int) -> int:
    return max(0, min(int(text) if text and text.isdecimal() else default, most))
