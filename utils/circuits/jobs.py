"""Which jobs the heads of a model are known to have: what gives a head of a circuit its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from utils.heads import HeadId, Shape
from utils.literature import published_scores
from utils.roles import INDUCTION_CIRCUIT, OTHER, ROLES

if TYPE_CHECKING:
    from utils.catalogue.schema import ModelCatalogue

CATALOGUE, PUBLISHED, UNKNOWN = "catalogue", "published", ""
PUBLISHED_FROM = 0.4  # a published score above this counts as a job; the sources have no chance level


@dataclass(frozen=True)
class Jobs:
    """The jobs of a model's heads, and where they are known from.

    A circuit is told by what its heads look for, so a head's jobs of looking that say much go first, then evenness,
    then jobs of writing, then rest.

    roles: of the heads that have any. source: `catalogue` (measured by Headlight), `published` (scores of others), or
    empty where nothing is known.
    """

    roles: dict[HeadId, tuple[str, ...]] = field(default_factory=dict)
    source: str = UNKNOWN

    @cached_property
    def telling(self) -> frozenset[HeadId]:
        """The heads with a job of looking that says much; where no head has one, those with any job."""
        found = frozenset(head for head, held in self.roles.items() if _says_where(held[0]))
        return found or frozenset(self.roles)

    def main(self, head: HeadId) -> str:
        """The role that a head is shown as; `other` when it has none."""
        return self.roles.get(head, (OTHER,))[0]

    def has(self, head: HeadId, role: str) -> bool:
        return role in self.roles.get(head, ())

    def notes_token_before(self, head: HeadId) -> bool:
        """Whether what a head writes at a place is mainly about the token before it."""
        return self.main(head) == INDUCTION_CIRCUIT.writer


def jobs_of(model: str, catalogue: ModelCatalogue | None, shape: Shape) -> Jobs:
    """What is known of the heads: the catalogue, else scores that others published, else nothing."""
    if catalogue is not None:
        return Jobs(_with_any({head: catalogue.roles_of(head) for head in shape.all()}), CATALOGUE)
    scores = published_scores(model)
    if scores is None:
        return Jobs()
    by_score = {head: sorted(scores, key=lambda role: -scores[role][head]) for head in shape.all()}
    held = {
        head: tuple(role for role in roles if scores[role][head] > PUBLISHED_FROM) for head, roles in by_score.items()
    }
    return Jobs(_with_any(held), PUBLISHED)


def _with_any(roles: dict[HeadId, tuple[str, ...]]) -> dict[HeadId, tuple[str, ...]]:
    """The heads that have a job, those of looking that say much first."""
    return {head: tuple(sorted(held, key=_how_little)) for head, held in roles.items() if held}


def _says_where(role: str) -> bool:
    """Whether a job says much about what a head looks for."""
    return not ROLES[role].yields and not ROLES[role].is_writing


def _how_little(role: str) -> tuple[bool, bool, int]:
    return ROLES[role].is_rest, ROLES[role].is_writing, ROLES[role].yields
