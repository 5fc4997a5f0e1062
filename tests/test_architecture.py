"""Arrows go one way: app -> components -> utils <- scripts, and no page knows another page. Read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REACHES = {
    "app": {"components", "utils"},
    "components": {"components", "utils"},
    "utils": {"utils"},
    "scripts": {"scripts", "utils"},
}
OURS = {*REACHES, "tests"}
OF_THE_BROWSER = {"dash", "dash_bootstrap_components", "plotly", "flask"}
FOLDERS = ("components", "utils", "scripts")
DOORS = {  # a library, and the only places that import it
    "pyvene": {"utils/pyvene_engine"},
    "bertviz": {"utils/heatmap.py"},
    "transformer_lens": {"scripts/transformer_lens_engine.py", "scripts/transformer_lens_toy.py"},
    "captum": {"utils/experiments"},
    "dash": {"app.py", "components"},
    "plotly": {"components"},
}
LONGEST_FUNCTION = 60  # lines
SOURCES = [ROOT / "app.py", *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
PAGES = {path.parent.name for path in (ROOT / "components").glob("*/__init__.py")}


def place_of(path: Path) -> str:
    """A source file as its dotted name: `components.toy.toy_page`, `app`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(source: str) -> set[str]:
    """Every name that a file imports, in functions and for type checks too: `from a import b` counts as `a.b`.

    Raises: ValueError for a relative import, which does not say where it leads.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"A relative import in line {node.lineno}.")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def page_of(name: str) -> str | None:
    """The page to whose folder a dotted name belongs; None for what pages share, and outside `components`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "components" and len(parts) > 1 and parts[1] in PAGES else None


def is_against_the_arrows(place: str, imported: str) -> bool:
    """Whether a file at a place may not import this."""
    here, there = place.split(".")[0], imported.split(".")[0]
    if there in OURS:
        return there not in REACHES[here]
    return there in OF_THE_BROWSER and here in ("utils", "scripts")


def is_another_page(place: str, imported: str) -> bool:
    """Whether a file of `components` imports a page other than its own; what pages share belongs to none."""
    page = page_of(imported)
    return place.startswith("components.") and page is not None and page != page_of(place)


def found(rule) -> list[str]:
    """Every import of the project that breaks a rule, as `place imports name`."""
    return [
        f"{place_of(path)} imports {name}"
        for path in SOURCES
        for name in sorted(imports_of(path.read_text(encoding="utf-8")))
        if rule(place_of(path), name)
    ]


def test_arrows_go_one_way():
    assert found(is_against_the_arrows) == []


def test_no_page_imports_another_page_and_what_they_share_imports_none():
    assert found(is_another_page) == []


def test_every_page_and_every_part_is_looked_at():
    places = {place_of(path) for path in SOURCES}
    assert {"all_heads", "circuits", "head", "learn", "models", "roles", "toy"} <= PAGES
    assert {"app", "components.frame", "components.toy.toy_page", "utils.heads", "scripts.analyze_heads"} <= places
    assert "components.toy.toy_view.ToyView" in imports_of((ROOT / "components/toy/toy_page.py").read_text())


@pytest.mark.parametrize(
    ("place", "imported", "is_wrong"),
    [
        ("utils.heads", "components.numbers.plural", True),
        ("utils.heads", "dash.html", True),
        ("utils.heads", "scripts.benchmark.main", True),
        ("utils.heads", "utils.errors.UserError", False),
        ("utils.heads", "numpy", False),
        ("components.frame", "dash", False),
        ("components.frame", "scripts.benchmark", True),
        ("components.frame", "app.create_app", True),
        ("scripts.benchmark", "components.api", True),
        ("scripts.benchmark", "plotly.graph_objects", True),
        ("scripts.benchmark", "app", True),
        ("scripts.benchmark", "utils.service.Headlight", False),
        ("app", "components.frame", False),
        ("app", "tests.fake_service", True),
    ],
)
def test_what_goes_against_the_arrows_is_told_apart(place, imported, is_wrong):
    assert is_against_the_arrows(place, imported) == is_wrong


@pytest.mark.parametrize(
    ("place", "imported", "is_wrong"),
    [
        ("components.toy.toy_page", "components.circuits.circuits_view", True),
        ("components.toy.toy_page", "components.circuits", True),
        ("components.toy.toy_page", "components.toy.toy_view.ToyView", False),
        ("components.toy.toy_page", "components.circuits_tabs", False),
        ("components.frame", "components.circuits.circuits_view", True),
        ("components.frame", "components.numbers.plural", False),
        ("app", "components.circuits.circuits_page", False),
    ],
)
def test_another_page_is_told_from_ones_own_and_from_what_pages_share(place, imported, is_wrong):
    assert is_another_page(place, imported) == is_wrong


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b as c, d", {"a.b", "d"}),
        ("from a.b import c as x, d", {"a.b.c", "a.b.d"}),
        ("def f():\n    from a import b", {"a.b"}),
        ("if TYPE_CHECKING:\n    from a import b", {"a.b"}),
    ],
)
def test_imports_are_found_wherever_they_stand(source, names):
    assert imports_of(source) == names


def test_a_relative_import_is_refused():
    with pytest.raises(ValueError, match="line 1"):
        imports_of("from . import circuits_view")


@pytest.mark.parametrize("library", DOORS)
def test_a_library_stands_behind_its_door(library):
    for path in SOURCES:
        place = path.relative_to(ROOT)
        if any(name.split(".")[0] == library for name in imports_of(path.read_text(encoding="utf-8"))):
            assert any(place == Path(door) or Path(door) in place.parents for door in DOORS[library]), place


@pytest.mark.parametrize("path", SOURCES, ids=place_of)
def test_no_function_is_longer_than_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert n_lines <= LONGEST_FUNCTION, f"{node.name} has {n_lines} lines"


def test_every_folder_says_in_a_sentence_what_it_is_for():
    for folder in {path.parent for path in SOURCES} - {ROOT, *(ROOT / name for name in FOLDERS)}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))), folder
