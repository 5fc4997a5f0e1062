"""What the circuits page shows. All of it follows from the address.

`kind` is Q, K or V; `writer` and `head` are the chosen earlier head and the one looked at up close, written `4.11`;
`from` and `to` are the two layers of the map; `looks=alone` leaves out the earlier head up close; `test=1` runs the
path test.

What a head goes by is measured where it has a job with copies (`utils/circuits/margin.py`), for K. A *fit* is a
composition score of weights as a multiple of that of two random heads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from components.address import CIRCUITS_PATH, Question, asked
from utils.circuits.circuits import MARGIN_KIND
from utils.circuits.jobs import Jobs
from utils.circuits.pair_products import KINDS
from utils.circuits.readers import Link, Reads, lit_links, reader_role, with_role
from utils.errors import UserError
from utils.heads import HeadId, Shape
from utils.model_config import display_name_of
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.circuits.composition import Composition
    from utils.circuits.margin import Margins, ReaderMargin
    from utils.service import Headlight

DEFAULT_KIND = MARGIN_KIND
ALONE, THROUGH = "alone", "through"
N_LINES = 24
CHOICES = ("kind", "writer", "head", "from", "to", "looks", "test")


@dataclass(frozen=True, eq=False)
class CircuitsView:
    """One state of the page.

    reads: None for a model of one layer. why_unmeasured: why this model's margins cannot be told, empty where they
    can, or where nobody asked. writer: the chosen earlier head, None where no head comes earlier than `head`. layers:
    the two of the map.
    """

    question: Question
    model_name: str
    shape: Shape
    needs_model: bool
    jobs: Jobs
    reads: Reads | None
    head: HeadId
    kind: str = DEFAULT_KIND
    why_unmeasured: str = ""
    writer: HeadId | None = None
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
        """The choices after a press on a head of the graph: as the writer, or as the reader where nobody reads it."""
        rest: dict[str, str | None] = {"head": None, "writer": None, "from": None, "to": None, "test": None}
        return rest | {"head" if self._is_reader(head) else "writer": head.dotted}

    def _is_reader(self, head: HeadId) -> bool:
        if head.layer == self.shape.n_layers - 1 or self.reads is None:
            return True
        return bool(self.reads.told_writers(head)) and not self.reads.told_readers(head)

    @property
    def fits(self) -> Composition | None:
        """All pairs by their weights; None for a model of one layer."""
        return self.reads.fits if self.reads is not None else None

    @property
    def margins(self) -> Margins | None:
        """All that was measured; None where nothing was."""
        return self.reads.margins if self.reads is not None else None

    @property
    def margin(self) -> ReaderMargin | None:
        """What the head up close goes by; None where it has no job with copies, or another kind is shown."""
        return self.margins.readers.get(self.head) if self.margins is not None else None

    @property
    def best_earlier(self) -> HeadId | None:
        """The earlier head that the head up close reads most, or fits best; None in the first layer."""
        return self.reads.best_writer(self.head) if self.reads is not None else None

    @property
    def through(self) -> HeadId | None:
        """The earlier head that the close-up reads through: the chosen writer, or the best one."""
        if self.writer is not None and self.writer.layer < self.head.layer:
            return self.writer
        return self.best_earlier

    @cached_property
    def reader_role(self) -> str | None:
        """The job of the heads that read the writer most, None where no head with a job reads it."""
        return reader_role(self._links, self.jobs)

    @property
    def tested_writer(self) -> HeadId | None:
        """The head that the path test switches off, None where no head with a job reads the writer's note."""
        return self.writer if self.reader_role is not None else None

    @cached_property
    def lit(self) -> list[Link]:
        """The lit lines: the writer's first four."""
        if self.reads is None or self.writer is None:
            return []
        return lit_links(self.reads, self.writer, self.head)

    @cached_property
    def readers(self) -> list[Link]:
        """The writer with every later head that reads it by the readers' job, strongest first; without such a job the
        lit ones."""
        return self.lit if self.reader_role is None else with_role(self._links, self.jobs, self.reader_role)

    @cached_property
    def _links(self) -> list[Link]:
        return self.reads.readers_of(self.writer) if self.reads is not None and self.writer is not None else []


def circuits_view(service: Headlight, question: Question, search: str) -> CircuitsView:
    """The page's state for one address; a choice that means nothing is left out.

    May take long, since all pairs of heads are compared and margins measured. Raises UserError for an unknown model,
    for one whose weights are needed and not here, and for heads that the model does not have.
    """
    given = {key: value for key, value in parse_qsl(search.lstrip("?")) if key in CHOICES}
    shape, kind = service.circuits.heads_of(question.model), kind_of_search(search)
    jobs = service.circuits.jobs(question.model)
    reads, why_unmeasured = _reads(service, question.model, kind, jobs) if shape.n_layers > 1 else (None, "")
    asked = [_asked(given.get(key), shape) for key in ("writer", "head")]
    writer, head = _chosen(reads, jobs, *asked)
    return CircuitsView(
        question=question,
        model_name=display_name_of(question.model),
        shape=shape,
        needs_model=service.circuits.needs_model(question.model),
        jobs=jobs,
        reads=reads,
        head=head,
        kind=kind,
        why_unmeasured=why_unmeasured,
        writer=writer,
        layers=_layers(given, shape, writer, head),
        is_alone=given.get("looks") == ALONE,
        is_tested=given.get("test") == "1",
        given=given,
    )


def _reads(service: Headlight, model: str, kind: str, jobs: Jobs) -> tuple[Reads, str]:
    """Who reads whom, and why that is not measured, where it could have been."""
    fits = service.circuits.composition(model, kind)
    if kind != MARGIN_KIND or service.circuits.needs_model(model):
        return Reads(fits, jobs, None), ""
    try:
        return Reads(fits, jobs, service.circuits.margins(model)), ""
    except UserError as refusal:
        return Reads(fits, jobs, None), refusal.sentence


def _chosen(
    reads: Reads | None, jobs: Jobs, writer: HeadId | None, head: HeadId | None
) -> tuple[HeadId | None, HeadId]:
    """As `Reads.chosen`; in a model of one layer no head writes for another."""
    if reads is None:
        return None, head or min(jobs.roles, default=HeadId(0, 0))
    return reads.chosen(writer, head)


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
