"""Where a model has no usable catalogue: a sentence that says so, and the way to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components import messages
from components.address import models_href
from utils.model_config import display_name_of

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.address import Question


def layout(question: Question, is_catalogued: bool) -> list[Component]:
    """One message for a model whose heads were not analysed, nothing for others."""
    if is_catalogued:
        return []
    name = display_name_of(question.model)
    told = messages.offer(
        f"Nobody has tested the heads of {name} yet.",
        "Their usual levels are not known, so no lamp can light. The test runs once, on this computer.",
        "Analyze this model",
        models_href(question.model, question.prompt, open=question.model),
        class_name="analyze-offer",
    )
    return [told]
