"""Arrows go one way, app.py -> components/ -> utils/ <- scripts/; pages import no pages; a library has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.settings import PROJECT_ROOT

FOLDERS = ("components", "utils", "scripts")
SOURCES = [
    Path("app.py"),
    *(path.relative_to(PROJECT_ROOT) for folder in FOLDERS for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))),
]
PAGES = sorted(path.name for path in (PROJECT_ROOT / "components").iterdir() if (path / "__init__.py").exists())
MAY_IMPORT = {"app.py": {"components", "utils"}, "components": {"components", "utils"}, "utils": {"utils"}}
DOORS = {  # a library, and the only places that import it
    "pyvene": {"utils/pyvene_engine"},
    "bertviz": {"utils/heatmap.py"},
    "transformer_lens": {"scripts/transformer_lens_engine.py", "scripts/transformer_lens_toy.py"},
    "captum": {"utils/experiments"},
    "dash": {"app.py", "components"},
    "plotly": {"components"},
}
LONGEST_FUNCTION = 60  # lines


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also for types only; `from a import b` gives a.b and a."""
    for node in ast.walk(ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def page_of(name: str) -> str | None:
    """The page folder that a module or a path stands in; None for one outside of them."""
    parts = name.replace("/", ".").split(".")
    return parts[1] if parts[0] == "components" and len(parts) > 1 and parts[1] in PAGES else None


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[0] != "scripts"], ids=str)
def test_arrows_go_one_way(path):
    own = {name.split(".")[0] for name in imports(path)} & {"app", "tests", *FOLDERS}
    assert own <= MAY_IMPORT[path.parts[0]]


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[0] == "scripts"], ids=str)
def test_scripts_use_utils_and_one_another_and_no_page(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"app", "components", "tests"}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[0] == "components"], ids=str)
def test_a_page_imports_no_other_page_and_what_pages_share_imports_none(path):
    pages = {page_of(name) for name in imports(path)} - {None}
    assert pages <= {page_of(str(path))}


@pytest.mark.parametrize("library", DOORS)
def test_a_library_stands_behind_its_door(library):
    for path in SOURCES:
        if any(name.split(".")[0] == library for name in imports(path)):
            assert any(path == Path(door) or Path(door) in path.parents for door in DOORS[library]), path


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_function_is_longer_than_a_screen(path):
    for node in ast.walk(ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert n_lines <= LONGEST_FUNCTION, f"{node.name} has {n_lines} lines"


def test_every_folder_says_in_a_sentence_what_it_is_for():
    folders = {path.parent for path in SOURCES if len(path.parts) > 2}
    for folder in folders:
        text = (PROJECT_ROOT / folder / "__init__.py").read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), folder
