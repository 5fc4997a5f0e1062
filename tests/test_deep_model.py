"""Claims about pages of a model of 30 layers of 9 heads, 181 of which only rest."""

from __future__ import annotations

import json

import pytest
from dash._utils import to_json

from components.address import Question
from components.all_heads import all_heads_page
from components.all_heads.all_heads_view import heads_view
from tests.deep_service import DEEP_MODEL
from tests.fake_service import REPEATING
from tests.test_components_heads import nodes, search_for

FEW_COMPONENTS = 300  # a page that changes takes the square of its components; 9600 took minutes


def n_components(layout) -> int:
    """Components that Dash keeps a record of: what is inside a plain one is none."""
    found = 0

    def walk(value) -> None:
        nonlocal found
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict) and "props" in value:
            found += 1
            walk(value["props"].get("children"))

    walk(json.loads(to_json(layout)))
    return found


def question(prompt: str = REPEATING) -> Question:
    return Question(DEEP_MODEL, prompt)


class TestAllHeads:
    @pytest.mark.parametrize("others", [{}, {"rows": "all"}, {"role": "positional", "rows": "all"}])
    def test_the_page_is_of_few_components_however_many_rows_it_has(self, deep_service, others):
        page = all_heads_page.layout(deep_service, question(), search_for(model=DEEP_MODEL, **others))
        assert n_components(page) < FEW_COMPONENTS
        assert len(nodes(page)) > 1000

    def test_it_shows_all_rows_or_fifty(self, deep_service):
        assert len(heads_view(deep_service, question()).rows) == 50
        assert len(heads_view(deep_service, question(), rows="all").rows) == 270
