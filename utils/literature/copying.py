"""OV copying scores that others published, to hold ours against: they follow from the weights alone.

`tests/test_circuits_shipped.py` compares those that come with Headlight, from GPT-2's real weights.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from utils.literature.source import Record, Source

PATH = Path(__file__).with_name("published_copying.json")

Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Matrix = tuple[tuple[Score, ...], ...]


class PublishedCopying(Record):
    """One model's scores, [layer][head], each in [-1, 1]. ov: of the OV circuits alone; through_embedding: between
    embedding and unembedding."""

    source: Source
    method: str = Field(min_length=20)
    ov: Matrix
    through_embedding: Matrix

    @model_validator(mode="after")
    def _are_matrices_of_one_model(self) -> PublishedCopying:
        shapes = {(len(rows), len(row)) for rows in (self.ov, self.through_embedding) for row in rows}
        if len(shapes) != 1:
            raise ValueError(f"the matrices are not all of one shape: {sorted(shapes)}")
        return self


class _File(Record):
    models: dict[str, PublishedCopying]


def published_copying(model_name: str) -> PublishedCopying | None:
    """What was published of a model, None for most."""
    return _read().models.get(model_name)


def copying_matrix(rows: Matrix) -> np.ndarray:
    """One of its matrices, [layer, head]."""
    return np.array(rows)


@cache
def _read() -> _File:
    return _File.model_validate_json(PATH.read_text(encoding="utf-8"))
