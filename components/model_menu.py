"""The model menu: the models that can be asked now, by what they are; one line leads to those that can be added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import html

from components.address import models_href
from components.lamp import sign
from components.model_words import answers, heads_of, megabytes
from utils.model_config import Kind, display_name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from components.address import Question
    from utils.service import ModelChoice

GROUPS = {
    Kind.REAL: "Real language models",
    Kind.CLASSROOM: "Classroom models",
    Kind.ADDED: "Added here",
    Kind.TOY: "Toys and tunes",
}


class Ids:
    @staticmethod
    def model(place: str, name: str) -> dict[str, Any]:
        return {"type": "model", "place": place, "name": name}


def layout(
    place: str, models: Sequence[ModelChoice], question: Question, default: str, shown: str | None = None
) -> Component:
    """The menu. Args: place: where it stands, since there are two. shown: what the page is about if not the model."""
    name = shown or display_name_of(question.model)
    label = [html.Span("Model", className="model-word"), html.Strong(name), sign("chevron-down")]
    items = [*_groups(place, models, question.model, default), _all_models(models, question)]
    return dbc.DropdownMenu(items, label=label, caret=False, align_end=True, toggleClassName="model-toggle")


def _groups(place: str, models: Sequence[ModelChoice], current: str, default: str) -> Iterator[Component]:
    """A heading for each kind of which there are models here, and below it these."""
    for kind, heading in GROUPS.items():
        choices = [choice for choice in models if choice.available and choice.kind is kind]
        if choices:
            yield dbc.DropdownMenuItem(heading, header=True)
        for choice in choices:
            yield dbc.DropdownMenuItem(
                [_name(choice, choice.name == default), html.Span(_facts(choice), className="menu-note")],
                id=Ids.model(place, choice.name),
                active=choice.name == current,
                className="menu-item",
            )


def _name(choice: ModelChoice, is_default: bool) -> html.Span:
    parts: list[Any] = [choice.display_name]
    if is_default:
        parts += [" ", html.Span("start here", className="menu-badge")]
    return html.Span(parts, className="menu-name")


def _facts(choice: ModelChoice) -> str:
    """`30 × 9 heads, 273 MB, answers in 0.3 s`."""
    unknown = "" if choice.catalogued else "heads not analysed yet"
    facts = (heads_of(choice.shape), megabytes(choice.n_bytes), answers(choice.speed), unknown)
    return ", ".join(fact for fact in facts if fact)


def _all_models(models: Sequence[ModelChoice], question: Question) -> Component:
    n_more = sum(not choice.available for choice in models)
    note = [html.Span(f"{n_more} more can be added", className="menu-note")] if n_more else []
    return dbc.DropdownMenuItem(
        [html.Span("All models", className="menu-name"), *note],
        href=models_href(question.model, question.prompt),
        className="menu-item menu-all",
    )
