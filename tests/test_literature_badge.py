"""The pages say what papers call a head, with one sentence and the source, and nothing where nobody named one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components import head_map, literature_badge
from components.address import Question
from components.all_heads import all_heads_page, heads_map_card, heads_map_tab, heads_table
from components.all_heads.all_heads_view import HeadsView, heads_view
from components.head import head_page
from components.head.head_view import head_view
from tests.fake_service import MODEL, REPEATING
from tests.test_components_heads import head_search, nodes
from utils.heads import HeadId
from utils.literature import known_for

NAMED, OTHER_HEAD = HeadId(2, 3), HeadId(2, 2)


def of_class(component, name: str) -> list[dict]:
    return [node for node in nodes(component) if name in node["props"].get("className", "").split()]


def words(component) -> str:
    """All text of a layout, in order."""
    texts = []
    for node in nodes(component):
        children = node["props"].get("tree", node["props"].get("children"))
        texts += [child for child in (children if isinstance(children, list) else [children]) if isinstance(child, str)]
    return " ".join(texts)


@pytest.fixture
def view(service) -> HeadsView:
    return heads_view(service, Question(MODEL, REPEATING))


@pytest.fixture
def named(monkeypatch):
    """The fake model with one head of a name: GPT-2's L9H9, at another place."""
    (known,) = known_for("gpt2", HeadId(9, 9))
    monkeypatch.setattr(
        literature_badge,
        "known_for",
        lambda model, head: [replace(known, head=head)] if (model, head) == (MODEL, NAMED) else [],
    )


def test_a_badge_quotes_the_paper_s_own_name_and_opens_one_sentence_and_the_source():
    (badge,) = literature_badge.badges("gpt2", HeadId(9, 9))
    assert badge.children[0].children[1] == "IOI paper: name mover"
    text = words(badge)
    assert "it looks at a name and copies it" in text
    assert "Wang, Variengien, Conmy, Shlegeris and Steinhardt, 2022: Interpretability in the Wild" in text
    (link,) = [node for node in nodes(badge) if node["type"] == "A"]
    assert link["props"]["href"] == "https://arxiv.org/abs/2211.00593"
    assert link["props"]["rel"] == "noopener noreferrer"
    assert literature_badge.UNVERIFIED not in text


def test_a_name_that_nobody_confirmed_says_so():
    (badge,) = literature_badge.badges("EleutherAI/pythia-160m", HeadId(4, 6))
    assert literature_badge.UNVERIFIED in words(badge)


def test_the_table_has_a_column_of_names_only_where_a_head_has_one(view, named):
    table = heads_table.layout(view)
    assert "Named in papers" in words(table)
    cells = of_class(table, "heads-papers")[1:]
    assert len(cells) == len(view.rows)
    badges = [bool(of_class(cell, "paper")) for cell in of_class(table, "heads-row")]
    assert [entry.id for entry, has_badge in zip(view.rows, badges, strict=True) if has_badge] == [NAMED]
    assert literature_badge.NOTE in words(all_heads_page._table_tab(view))


def test_a_model_that_no_paper_names_has_neither_column_nor_book_nor_note(view):
    assert not of_class(heads_table.layout(view), "heads-papers")
    assert not of_class(head_map.map_of(view.levels, MODEL, REPEATING), "book-mark")
    assert "named in a paper" not in words(heads_map_tab.layout(view))
    assert literature_badge.NOTE not in words(all_heads_page._table_tab(view))


def test_the_map_marks_a_named_head_and_its_label_says_the_name(view, named):
    cells = of_class(head_map.map_of(view.levels, MODEL, REPEATING), "head-cell")
    marked = [cell for cell in cells if of_class(cell, "book-mark")]
    assert [cell["props"]["data-head"] for cell in marked] == [str(NAMED)]
    assert words(marked[0]).endswith("IOI paper: name mover")
    assert "named in a paper" in words(heads_map_tab.layout(view))


def test_the_map_s_card_and_the_head_s_page_show_the_badge(service, view, named):
    assert of_class(heads_map_card.layout(view, NAMED), "paper")
    assert not of_class(heads_map_card.layout(view, OTHER_HEAD), "paper")
    for head, n_badges in ((NAMED, 1), (OTHER_HEAD, 0)):
        title = head_page._title(head_view(service, Question(MODEL, REPEATING), head_search(head)))
        assert len(of_class(title, "paper")) == n_badges
