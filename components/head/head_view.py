"""What the page of one head shows: the head, the job that is looked at, and its evidence on the text.

`role` in the address chooses the job whose evidence is shown, by default the head's main one; `view` is `lines`
(BertViz) or `grid`; `at` is the token whose next one the experiments ask about, by default the last; `off` names the
heads that are switched off, as `1.4,2.0`, by default this one; `method` says what stands in for them; `other` is the
student's own second text, where another text's values do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlencode

import numpy as np

from components.address import Question, head_href
from utils.errors import Fix, UserError
from utils.experiments.questions import Method, check_position
from utils.heads import HeadId
from utils.levels import HeadLevels, head_levels
from utils.measures.evidence import Evidence
from utils.measures.reading import Reading
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.forward_pass import ForwardPass
    from utils.service import Headlight
    from utils.tokens import Token

LINES, GRID = "lines", "grid"
METHOD_NAMES = {Method.MEAN: "its average", Method.ZERO: "zeros", Method.RESAMPLE: "another text’s"}


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class HeadView:
    """One state of the page.

    Args: role: whose evidence is shown, `other` for a head without a job; evidence: None where the text holds none for
    that role, or the role could not be tested on the model. position: the token that experiments are about, from the
    front. off: heads as the address names them, which the model need not have; none only where it names none. asks_off:
    the address asks for the experiment, not only for the page. bad: what is wrong with `at`, `off` or `method` in the
    address, by name; the page stands with what is usual in its place, and the experiments tell it. second: the second
    text as typed; empty for a text of Headlight's own, and for other methods.
    """

    question: Question
    analysis: Analysis
    catalogue: ModelCatalogue | None
    levels: HeadLevels
    role: str
    evidence: Evidence | None
    drawing: str
    position: int
    off: tuple[HeadId, ...]
    method: Method
    asks_off: bool
    bad: dict[str, UserError]
    second: str = ""

    @property
    def head(self) -> HeadId:
        return self.levels.id

    @property
    def pattern(self) -> np.ndarray:
        """[query_pos, key_pos]."""
        return self.analysis.forward.patterns[self.head]

    @property
    def reading(self) -> Reading:
        """What the roles' measures see of this head."""
        return self.analysis.forward.reading.of_head(self.head)

    @property
    def tokens(self) -> tuple[Token, ...]:
        return self.analysis.forward.tokens

    def href(
        self,
        role: str | None = None,
        drawing: str | None = None,
        *,
        position: int | None = None,
        off: Iterable[HeadId] | None = None,
        method: str | None = None,
        second: str | None = None,
    ) -> str:
        """The address of this page with something else chosen; all that is not given stays as it is.

        What is as it would be anyway is left out of it. off: naming heads, or a method, asks for the experiment.
        """
        chosen = self.role if role is None else role
        shown = self.drawing if drawing is None else drawing
        at = self.position if position is None else position
        parts = {
            "role": chosen if chosen != self.levels.main_job else None,
            "view": shown if shown != LINES else None,
            "at": at if at != len(self.tokens) - 1 else None,
        }
        if self.asks_off or off is not None or method is not None:
            parts["off"] = off_text(self.off if off is None else off)
            parts["method"] = self.method if method is None else method
        text = self.second if second is None else second
        if parts.get("method") == Method.RESAMPLE and text.strip():
            parts["other"] = text
        more = urlencode({key: value for key, value in parts.items() if value is not None}, safe=",")
        address = head_href(self.question.model, self.question.prompt, *self.head)
        return f"{address}&{more}" if more else address

    @property
    def search(self) -> str:
        """The address from `?` on: what a part of the page keeps to ask again later."""
        return self.href().removeprefix("/head")

    def neighbour(self, step: int) -> HeadId | None:
        """The head before (-1) or after (1) this one, across layers; None at either end."""
        shape = self.analysis.forward.shape
        place = shape.index(self.head) + step
        return shape.at(place) if 0 <= place < shape.n_all else None


def head_view(service: Headlight, question: Question, search: str) -> HeadView:
    """The page's state for one address. Raises UserError as `service.analyze`, and for a head that does not exist."""
    parameters = dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
    analysis = service.analyze(question.model, question.prompt)
    head = requested_head(analysis.forward, parameters.get("layer"), parameters.get("head"))
    catalogue = service.catalogue(question.model)
    levels = head_levels(analysis, catalogue)[analysis.forward.shape.index(head)]
    role = parameters.get("role", "")
    role = role if role in ROLES else levels.main_job
    bad: dict[str, UserError] = {}

    def read(name: str, reader: Callable[[str | None], T]) -> T:
        try:
            return reader(parameters.get(name))
        except UserError as refusal:
            bad[name] = refusal
            return reader(None)

    method = read("method", requested_method)
    return HeadView(
        question,
        analysis,
        catalogue,
        levels,
        role,
        _evidence(analysis, catalogue, role, head),
        drawing=GRID if parameters.get("view") == GRID else LINES,
        position=read("at", lambda at: requested_position(at, analysis.forward)),
        off=read("off", lambda off: requested_off(off, head)),
        method=method,
        asks_off=not {"off", "method"}.isdisjoint(parameters),
        bad=bad,
        second=parameters.get("other", "") if method is Method.RESAMPLE else "",
    )


def view_of_search(service: Headlight, search: str | None) -> HeadView:
    """`head_view` for a callback, which has the address from `?` on and nothing else."""
    return head_view(service, Question.from_search(search, service.settings.default_model), search or "")


def requested_head(forward: ForwardPass, layer: str | None, head: str | None) -> HeadId:
    """The head that a link names. Raises UserError for one that names none, or one that the model does not have."""
    wanted = {"layer": (layer, forward.n_layers), "head": (head, forward.n_heads)}
    numbers = {name: int(text) for name, (text, _n) in wanted.items() if text and re.fullmatch(r"-?\d{1,6}", text)}
    missing = [name for name in wanted if name not in numbers]
    if not missing:
        return forward.shape.require(numbers["layer"], numbers["head"])
    near = {name: min(max(numbers.get(name, 0), 0), n - 1) for name, (_text, n) in wanted.items()}
    beyond = [f", and this model has no {name} {number}" for name, number in numbers.items() if number != near[name]]
    raise UserError(
        f"The link names no {' and no '.join(missing)}{''.join(beyond)}.",
        "A head is named by two whole numbers, its layer and its place in that layer.",
        fix=Fix(f"Show layer {near['layer']}, head {near['head']}", layer=near["layer"], head=near["head"]),
    )


def requested_position(at: str | None, forward: ForwardPass) -> int:
    """The token that a link asks about, from the front; the last one where it asks for none.

    Raises UserError for anything but a position of this text.
    """
    if at is None:
        return len(forward.tokens) - 1
    if re.fullmatch(r"-?\d{1,6}", at) is None:
        raise UserError("The link names no position.", "A position is a whole number; -1 is the last token.")
    return check_position(int(at), len(forward.tokens))


def requested_method(name: str | None) -> Method:
    """What a link puts in the place of a head's output, its average where it says nothing. Raises UserError, with the
    page's own words for what there is, for any other."""
    if name is None:
        return Method.MEAN
    try:
        return Method(name)
    except ValueError as error:
        raise UserError(
            f"The link replaces the output of a head by “{name[:40]}”, which Headlight cannot do.",
            f"Choose {METHOD_NAMES[Method.MEAN]}, {METHOD_NAMES[Method.ZERO]} or {METHOD_NAMES[Method.RESAMPLE]}.",
        ) from error


def requested_off(off: str | None, head: HeadId) -> tuple[HeadId, ...]:
    """The heads that a link says to switch off, sorted, each once: `head` where it has no such part, none for an empty
    one. Whether the model has them is for the experiment to say. Raises UserError for what is no head at all."""
    if off is None:
        return (head,)
    try:
        return tuple(sorted({HeadId.parse(name) for name in off.split(",") if name.strip()}))
    except ValueError as error:
        raise UserError(
            "The link says to switch off something that is no head.",
            "Heads are written as layer and place in that layer, like 1.4,2.0.",
        ) from error


def off_text(heads: Iterable[HeadId]) -> str:
    """Heads as the address has them: `1.4,2.0`."""
    return ",".join(head.dotted for head in heads)


def _evidence(analysis: Analysis, catalogue: ModelCatalogue | None, role: str, head: HeadId) -> Evidence | None:
    """The places that this very head's layer can tell by; none for a role that could not be tested on the model."""
    if analysis.scored is None or role not in analysis.evidence or role in (catalogue.untested if catalogue else ()):
        return None
    evidence = analysis.scored.evidence_of(role, head)
    return evidence if len(evidence.rows) else None
