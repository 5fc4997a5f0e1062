"""docs/contributing.md is walked: its counts, its files, and the names that it says are in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from utils.roles import ROLES
from utils.settings import PROJECT_ROOT

GUIDE = (PROJECT_ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
KINDS = {
    *("A job", "A measure", "A job of writing", "A page", "An experiment", "A family", "A source of weights"),
    "A lesson",
}
STEP = re.compile(r"^- `(?P<path>[^`]+)`(?P<new>, \*new\*)?: (?P<words>.*)$")
COPY = re.compile(r"`(\w+)` from `([^`]+)`")


@dataclass(frozen=True)
class Step:
    path: str
    is_new: bool
    words: str

    @property
    def names(self) -> list[str]:
        """Names in code, such as `ROLES`, that an existing file must hold."""
        return [name for name in re.findall(r"`([^`]+)`", self.words) if name.isidentifier()]


@dataclass(frozen=True)
class Section:
    title: str
    n_files: int
    steps: tuple[Step, ...]
    copies: tuple[tuple[str, str], ...]


def read_section(text: str) -> Section:
    """One section: its heading, the steps up to "Copy", and what to copy."""
    heading, _, body = text.partition("\n")
    title, n_files = re.fullmatch(r"(.+) \((\d+) files?\)", heading).groups()
    todo, _, rest = body.partition("\nCopy ")
    lines = re.sub(r"\n  ", " ", todo).splitlines()
    steps = tuple(
        Step(found["path"], bool(found["new"]), found["words"]) for line in lines if (found := STEP.fullmatch(line))
    )
    return Section(title, int(n_files), steps, tuple(COPY.findall("Copy " + rest.split("\n\n")[0])))


SECTIONS = [read_section(text) for text in re.split(r"^## ", GUIDE, flags=re.MULTILINE)[1:]]


def test_it_tells_how_to_add_every_kind_of_thing():
    assert {section.title for section in SECTIONS} == KINDS


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_the_number_of_files_is_the_number_of_files(section):
    assert len(section.steps) == section.n_files
    assert len({step.path for step in section.steps}) == section.n_files


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_every_file_is_there_and_holds_the_names_that_it_says(section):
    for step in section.steps:
        path = PROJECT_ROOT / step.path
        if step.is_new:
            assert "NAME" in step.path
            shelf = next(parent for parent in path.parents if "NAME" not in str(parent))
            assert shelf.is_dir(), step.path
            continue
        content = path.read_text(encoding="utf-8")
        for name in step.names:
            assert re.search(rf"\b{name}\b", content), f"{step.path} has no {name}"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_what_is_to_be_copied_is_there(section):
    assert section.copies
    for name, path in section.copies:
        content = (PROJECT_ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(class|def) {name}\b|^    def {name}\b", content, re.MULTILINE), f"{path} has no {name}"


def test_every_path_of_the_guide_exists():
    for path in re.findall(r"`((?:utils|components|assets|tests|scripts|docs)/[^`]*)`", GUIDE):
        if "NAME" not in path and "KEY" not in path:
            assert Path(PROJECT_ROOT / path).exists(), path


@pytest.mark.parametrize("folder", ["components", "utils/experiments"])
def test_a_page_and_an_experiment_have_the_parts_that_the_guide_names(folder):
    """Every page has the three functions; every experiment is reached through a method of the door."""
    if folder == "components":
        pages = sorted((PROJECT_ROOT / folder).glob("*/*_page.py"))
        assert len(pages) >= 7
        for page in pages:
            assert all(f"\ndef {name}(" in page.read_text() for name in ("layout", "skeleton", "register")), page
    else:
        door = (PROJECT_ROOT / folder / "experiments.py").read_text()
        for name in ("switch_off", "second_copy", "later_patterns", "scan", "direct_logits", "logit_lens"):
            assert f"    def {name}(" in door


def test_every_role_has_what_a_new_one_needs_and_nothing_that_only_old_ones_have():
    """A job is one entry: no field of a role is filled from anywhere else."""
    for key, role in ROLES.items():
        assert role.key == key
        assert role.measure.needs
        assert role.writes
