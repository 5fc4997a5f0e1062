"""What the toy page shows: one text read by two models that differ in their number of layers only.

It is always about this pair, whatever model the address names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from utils.toy.growth import common_steps
from utils.toy.looks import HeadLook, look_at, told_position
from utils.toy.pair import ToyModel, read_pair

if TYPE_CHECKING:
    from components.address import Question
    from utils.service import Headlight


@dataclass(frozen=True, eq=False)
class ToyView:
    """The pair on one text. query_pos: the token that both cards are about, None where induction cannot show."""

    question: Question
    one: ToyModel
    two: ToyModel
    max_tokens: int

    @property
    def models(self) -> tuple[ToyModel, ToyModel]:
        return self.one, self.two

    @property
    def query_pos(self) -> int | None:
        return told_position(self.two)

    def look(self, model: ToyModel) -> HeadLook | None:
        """What one card draws at this token."""
        query_pos = self.query_pos
        return None if query_pos is None else look_at(model, query_pos)

    def steps(self) -> list[int]:
        """The training steps at which copies of both models were kept."""
        return common_steps(self.models)


def toy_view(service: Headlight, question: Question) -> ToyView:
    """Both models read the text. Raises UserError as `service.analyze` does."""
    question = replace(question, prompt=str(question.prompt))  # toys do not chat
    return ToyView(question, *read_pair(service, question.prompt), service.settings.max_tokens)
