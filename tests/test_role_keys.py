"""No code asks which role it has: a role's key stands in the registry, in tables of words, and in tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.roles import ROLES
from utils.settings import PROJECT_ROOT

OTHER_WORDS = {"components/circuits/circuit_writes.py copying", "utils/circuits/circuits.py copying"}  # of circuits
REGISTRY = Path("utils/roles.py")
FOLDERS = ("components", "utils", "scripts")
SOURCES = [
    Path("app.py"),
    *(path.relative_to(PROJECT_ROOT) for folder in FOLDERS for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))),
]


def words_of(tree: ast.Module) -> set[int]:
    """The ids of keys in tables of words: dicts that stand at the top of a module."""
    tables = (node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    return {id(key) for table in tables if isinstance(table, ast.Dict) for key in table.keys}


def mentions(path: Path) -> Iterator[str]:
    """Places of a file where a role's key is written out, tables of words in components/ left out."""
    tree = ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8"))
    allowed = words_of(tree) if path.parts[0] == "components" else set()
    for node in ast.walk(tree):
        is_key = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ROLES
        if is_key and id(node) not in allowed:
            yield f"{path}:{node.lineno} {node.value}"


@pytest.mark.parametrize("path", [path for path in SOURCES if path != REGISTRY], ids=str)
def test_a_role_is_told_by_its_measure_and_its_words_and_never_by_its_key(path):
    found = (re.sub(r":\d+", "", place) for place in mentions(path))
    assert set(found) <= OTHER_WORDS


def test_the_search_finds_a_key_where_there_is_one():
    assert len(list(mentions(REGISTRY))) >= len(ROLES)
