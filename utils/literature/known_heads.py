"""Heads that a paper, a course or a study has named, by model.

A name is the source's own. It can say what a head does on the source's own texts and be none of our roles: a name
mover copies names. Where the name is one of our roles, `role` says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from utils.heads import HeadId
from utils.literature.source import Record, Source
from utils.roles import ROLES

PATH = Path(__file__).with_name("known_heads.json")


@dataclass(frozen=True)
class KnownHead:
    """One name that one source gives a head.

    Args: name: "name mover", in the source's words. role: the key of the role whose idea this is, found by the
    source's own test and not by ours; None when it is none of them. sentence: what the source says the head does.
    """

    head: HeadId
    name: str
    role: str | None
    sentence: str
    source: Source


class _Group(Record):
    """Heads that one source gives one name."""

    source: str
    name: str = Field(min_length=3, max_length=32)
    role: str | None
    sentence: str = Field(min_length=20, max_length=160, pattern=r"\.$")
    heads: tuple[tuple[NonNegativeInt, NonNegativeInt], ...] = Field(min_length=1)

    @field_validator("role")
    @classmethod
    def _is_a_role(cls, role: str | None) -> str | None:
        if role is not None and role not in ROLES:
            raise ValueError(f"{role!r} is not a role")
        return role


class _Model(Record):
    n_layers: PositiveInt
    n_heads: PositiveInt
    groups: tuple[_Group, ...]

    @model_validator(mode="after")
    def _has_these_heads(self) -> _Model:
        for group in self.groups:
            for layer, head in group.heads:
                if layer >= self.n_layers or head >= self.n_heads:
                    raise ValueError(f"{HeadId(layer, head)} is not a head of this model")
        return self


class _File(Record):
    sources: dict[str, Source]
    models: dict[str, _Model]

    @model_validator(mode="after")
    def _names_its_sources(self) -> _File:
        used = {group.source for model in self.models.values() for group in model.groups}
        if used != set(self.sources):
            raise ValueError(f"sources without a group, or groups without a source: {sorted(used ^ set(self.sources))}")
        return self


def known_for(model_name: str, head: HeadId) -> list[KnownHead]:
    """What sources call a head of a model, in the file's order; empty for a head or a model that nobody named.

    Args: model_name: as in the registry of models.
    """
    return list(_by_head().get(model_name, {}).get(head, ()))


@cache
def _by_head() -> dict[str, dict[HeadId, tuple[KnownHead, ...]]]:
    file = _File.model_validate_json(PATH.read_text(encoding="utf-8"))
    table: dict[str, dict[HeadId, tuple[KnownHead, ...]]] = {}
    for model_name, known in _each(file):
        heads = table.setdefault(model_name, {})
        heads[known.head] = (*heads.get(known.head, ()), known)
    return table


def _each(file: _File) -> Iterator[tuple[str, KnownHead]]:
    for model_name, model in file.models.items():
        for group in model.groups:
            source = file.sources[group.source]
            for layer, head in group.heads:
                yield model_name, KnownHead(HeadId(layer, head), group.name, group.role, group.sentence, source)
