"""What the page of one head shows: the head, the job that is looked at, and its evidence on the text.

`role` in the address chooses the job whose evidence is shown, by default the head's main one; `view` is `lines`
(BertViz) or `grid`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np

from components.address import Question, head_href
from components.head_levels import HeadLevels, head_levels
from utils.errors import Fix, UserError
from utils.heads import HeadId
from utils.roles import ROLES
from utils.scoring import Evidence

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue import ModelCatalogue
    from utils.forward_pass import ForwardPass
    from utils.service import Headlight
    from utils.tokens import Token

LINES, GRID = "lines", "grid"


@dataclass(frozen=True, eq=False)
class HeadView:
    """One state of the page. role: whose evidence is shown, `other` for a head without a job; evidence: None where
    the text holds none for that role."""

    question: Question
    analysis: Analysis
    catalogue: ModelCatalogue | None
    levels: HeadLevels
    role: str
    evidence: Evidence | None
    drawing: str = LINES

    @property
    def head(self) -> HeadId:
        return self.levels.id

    @property
    def pattern(self) -> np.ndarray:
        """[query_pos, key_pos]."""
        return self.analysis.forward.patterns[self.head]

    @property
    def tokens(self) -> tuple[Token, ...]:
        return self.analysis.forward.tokens

    def href(self, role: str | None = None, drawing: str | None = None) -> str:
        """The address of this page with another job or drawing."""
        address = head_href(self.question.model, self.question.prompt, *self.head)
        chosen = self.role if role is None else role
        role_part = f"&role={chosen}" if chosen != self.levels.main_job else ""
        shown = drawing or self.drawing
        return address + role_part + (f"&view={shown}" if shown != LINES else "")

    def neighbour(self, step: int) -> HeadId | None:
        """The head before (-1) or after (1) this one, across layers; None at either end."""
        n_heads = self.analysis.forward.n_heads
        place = self.head.layer * n_heads + self.head.head + step
        if not 0 <= place < self.analysis.forward.n_layers * n_heads:
            return None
        return HeadId(*divmod(place, n_heads))


def head_view(service: Headlight, question: Question, search: str) -> HeadView:
    """The page's state for one address. Raises UserError as `service.analyze`, and for a head that does not exist."""
    parameters = dict(parse_qsl(search.lstrip("?")))
    analysis = service.analyze(question.model, question.prompt)
    head = requested_head(analysis.forward, parameters.get("layer"), parameters.get("head"), service)
    catalogue = service.catalogue(question.model)
    levels = head_levels(analysis, catalogue)[head.layer * analysis.forward.n_heads + head.head]
    role = parameters.get("role", "")
    role = role if role in ROLES else levels.main_job
    drawing = GRID if parameters.get("view") == GRID else LINES
    return HeadView(question, analysis, catalogue, levels, role, _evidence(analysis, role), drawing)


def requested_head(forward: ForwardPass, layer: str | None, head: str | None, service: Headlight) -> HeadId:
    """The head that a link names. Raises UserError for one that names none, or one that the model does not have."""
    numbers = [value for value in (layer, head) if value is not None and re.fullmatch(r"-?\d{1,6}", value)]
    if len(numbers) < 2:
        missing = "layer" if layer is None or layer not in numbers else "head"
        raise UserError(
            f"The link names no {missing}.",
            "A head is named by two whole numbers, its layer and its place in that layer.",
            fix=Fix("Show layer 0, head 0", layer=0, head=0),
        )
    return service.require_head(forward, int(numbers[0]), int(numbers[1]))


def _evidence(analysis: Analysis, role: str) -> Evidence | None:
    evidence = analysis.evidence.get(role)
    return evidence if evidence is not None and len(evidence.rows) else None
