"""What the owner of an unusual model says about it: `adapter.json` in the model's folder.

Two kinds of model need one. A model **whose tokens are not text** (notes, pen strokes, moves) names a label for each
id; a prompt is then a row of labels with spaces between them. A model **of a family that Headlight does not know**, yet
transformers does, names the modules, most simply as "like" a known family with what differs. docs/adapters.md has the
format and an example; models/classroom-tunes needs both parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from utils.errors import Fix, UserError
from utils.model_config import (
    FAMILIES,
    AttentionLayout,
    Family,
    Norm,
    Positions,
    StartMark,
    family_of_type,
)

FILE_NAME = "adapter.json"
SHOWN_LABELS = 6  # as many as a sentence can take


class Adapter(BaseModel):
    """The file.

    Args: tokens_are: what one token is, in the plural ("notes"). labels: the name of each id, in order, none with a
    space in it. start_label: the one that begins every sequence, if the model was trained with one. test_texts: varied
    sequences for the catalogue, in place of English sentences. prompts: sequences to try, of which the catalogue
    chooses its suggestions. family: fields of a `model_config.Family`, and `like`, the key of the family that gives
    the others. start_mark: "none", "one", or "as_tokenizer": whether position 0 holds a mark that nobody typed; without
    it a model that Headlight lists follows the list, any other its family.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_are: str = "tokens"
    labels: tuple[str, ...] = ()
    start_label: str | None = None
    test_texts: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    family: Mapping[str, Any] = Field(default_factory=dict)
    start_mark: StartMark | None = None

    @property
    def changes_reading(self) -> bool:
        """Whether texts or modules are unlike those of the known family."""
        return bool(self.labels or self.family)

    @field_validator("labels")
    @classmethod
    def _labels_can_be_told_apart(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels) or any(not label or label.split() != [label] for label in labels):
            raise ValueError("every label must be different, not empty, and without spaces")
        return labels

    @model_validator(mode="after")
    def _texts_are_of_labels(self) -> Adapter:
        known = set(self.labels)
        unknown = {word for text in (*self.test_texts, *self.prompts) for word in text.split()} - known
        if self.labels and (unknown or not self.test_texts or not self.prompts):
            raise ValueError(f"test_texts and prompts must be there, and made of labels, not of {sorted(unknown)[:5]}")
        if self.start_label is not None and self.start_label not in known:
            raise ValueError("start_label must be one of the labels")
        return self

    def family_of(self, model_type: str) -> Family:
        """The family that the file describes, or the known one of that model_type.

        Raises: UserError for an unknown model_type that the file does not describe, ValueError for one that it
        describes wrongly.
        """
        if not self.family:
            return family_of_type(model_type)
        described: dict[str, Any] = dict(self.family)
        like = FAMILIES.get(str(described.pop("like", "")))
        kinds: dict[str, Callable[[Any], Any]] = {
            "norm": Norm,
            "positions": Positions,
            "start_mark": StartMark,
            "attention_layout": _attention_layout,
        }
        wrong = set(described) - {field.name for field in fields(Family)}
        if wrong or like is None:
            raise ValueError(f"family: {sorted(wrong) or 'like must name one of ' + ', '.join(FAMILIES)}")
        values: dict[str, Any] = {
            name: kinds[name](value) if name in kinds else value for name, value in described.items()
        }
        return replace(like, **(values | {"model_types": (model_type,)}))

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Turns labels with spaces between them into ids, and back. Call it only where there are labels."""
        backend = Tokenizer(models.WordLevel({label: number for number, label in enumerate(self.labels)}))
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        backend.decoder = decoders.Sequence([decoders.Fuse()])
        return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=self.start_label, eos_token=self.start_label)

    def check_prompt(self, prompt: str) -> None:
        """Raises UserError, with an example to press, for a prompt with words that are not labels."""
        if not self.labels:
            return
        known = set(self.labels) - {self.start_label}
        unknown = next((word for word in prompt.split() if word not in known), None)
        if unknown is not None:
            some = ", ".join([label for label in self.labels if label != self.start_label][:SHOWN_LABELS])
            raise UserError(
                f'This model reads {self.tokens_are}, and "{unknown[:40]}" is none of them.',
                f"Write {self.tokens_are} with spaces between them, such as {some}.",
                fix=Fix("Use an example", prompt=self.prompts[0]),
            )


def read_adapter(folder: Path) -> Adapter | None:
    """The adapter in a model's folder; None where there is none. Raises ValueError, saying what is wrong in it."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        return Adapter.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{FILE_NAME}, {_first_problem(error, 'the file')}") from error


def family_in(folder: Path, model_type: str) -> Family:
    """The family of the model in a folder: as its adapter describes it, else the known one of that model_type.

    Raises: UserError where neither is there, or the adapter is wrong.
    """
    try:
        adapter = read_adapter(folder)
        return family_of_type(model_type) if adapter is None else adapter.family_of(model_type)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{FILE_NAME} of {folder.name} cannot be used: {error}.", "docs/adapters.md describes it.", status=503
        ) from error


def _attention_layout(described: Any) -> AttentionLayout | None:
    """The layout that a file describes, None for null. Raises ValueError, saying what is wrong in it."""
    if described is None:
        return None
    known = {field.name for field in fields(AttentionLayout)}
    if isinstance(described, dict) and not known >= set(described):
        raise ValueError(f"attention_layout: {sorted(set(described) - known)}")
    try:
        return TypeAdapter(AttentionLayout).validate_python(described)
    except ValidationError as error:
        raise ValueError(f"attention_layout, {_first_problem(error, 'the whole')}") from error


def _first_problem(error: ValidationError, whole: str) -> str:
    """`labels: every label must be different`. Args: whole: how to call the place of what is wrong as a whole."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}"
