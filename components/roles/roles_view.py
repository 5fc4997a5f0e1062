"""What the Roles page shows: one question with its answer, and where to go from a dark lamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from components.address import Question, roles_href
from components.chip import cut_chip, suggestion_chip
from components.head_map import WITH_REST
from components.head_map_grid import is_deep
from components.numbers import plural
from utils.roles import ROLES
from utils.text_until import text_until

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue, SuggestedPrompt
    from utils.service import Headlight


@dataclass(frozen=True)
class OtherModel:
    """A model on this computer that has heads for a role: its name, how people call it, and how many heads."""

    name: str
    display_name: str
    n_heads: int


@dataclass(frozen=True, eq=False)
class RolesView:
    """An analysis with what a dark card offers.

    other_models: per role without heads, or that cannot be tested, a model that has some. unfolded: roles whose cards
    show all heads they list. with_rest: the map shows heads that only rest.
    """

    question: Question
    analysis: Analysis
    catalogue: ModelCatalogue | None
    other_models: dict[str, OtherModel]
    max_tokens: int
    unfolded: frozenset[str] = frozenset()
    with_rest: bool = False

    @property
    def is_deep(self) -> bool:
        """Whether the model has so many layers that its map comes first and lies on its side."""
        return is_deep(self.analysis.forward.n_layers)

    def suggested_prompts(self, role: str) -> list[SuggestedPrompt]:
        """Prompts whose count of lit heads is in the catalogue, best first, without the one that is shown."""
        prompts = self.catalogue.categories[role].suggested_prompts if self.catalogue is not None else []
        return [prompt for prompt in prompts if prompt.text != self.question.prompt]

    def cut_chips(self, role: str) -> list[Component]:
        """The text up to where the role's strongest head does it; empty where it does not, anywhere."""
        summary, forward = self.analysis.roles[role], self.analysis.forward
        text = None if summary.cut_at is None else text_until(forward, summary.cut_at)
        if text is None or summary.cut_at is None or summary.strongest is None:
            return []
        word = forward.tokens[summary.cut_at].word
        return [cut_chip(str(summary.strongest.id), word, text, self.question.model)]

    def other_model_chips(self, role: str) -> list[Component]:
        """The same text, read by a model that has heads for this role; empty where none is known."""
        other = self.other_models.get(role)
        if other is None:
            return []
        verb = "does" if other.n_heads == 1 else "do"
        promise = f"{other.display_name}: {plural(other.n_heads, 'head')} {verb} this"
        return [suggestion_chip("Ask a model that has one", promise, roles_href(other.name, str(self.question.prompt)))]


def roles_view(service: Headlight, question: Question, search: str = "") -> RolesView:
    """Analyse a question. Raises UserError as `service.analyze` does.

    Args: search: of the address, whose `more` names the unfolded cards and whose `rest=1` shows resting heads.
    """
    given = dict(parse_qsl(search.lstrip("?")))
    analysis = service.analyze(question.model, question.prompt)
    missing = [key for key, summary in analysis.roles.items() if summary.status in ("no_heads", "not_testable")]
    return RolesView(
        question=question,
        analysis=analysis,
        catalogue=service.catalogue(question.model),
        other_models=_models_that_have(service, missing, question.model),
        max_tokens=service.settings.max_tokens,
        unfolded=frozenset(given.get("more", "").split(".")) & frozenset(ROLES),
        with_rest=given.get("rest") == WITH_REST,
    )


def _models_that_have(service: Headlight, roles: list[str], asked: str) -> dict[str, OtherModel]:
    """For each role the model on this computer with the most heads for it."""
    if not roles:
        return {}
    found: dict[str, OtherModel] = {}
    for choice in service.models():
        catalogue = service.catalogue(choice.name) if choice.available and choice.name != asked else None
        for role in roles if catalogue else ():
            n_heads = len(catalogue.heads_of(role)) if catalogue else 0
            if n_heads and (role not in found or n_heads > found[role].n_heads):
                found[role] = OtherModel(choice.name, choice.display_name, n_heads)
    return found
