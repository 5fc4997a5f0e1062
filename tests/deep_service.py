"""A service of 30 layers of 9 heads, most of which rest on the first token, as those of real language models do."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tests.catalogues import catalogue_from_scores
from tests.fake_service import CATALOGUE_TEXT, FakeHeadlight, fake_forward, patterns_of
from utils.catalogue.schema import ModelCatalogue
from utils.forward_pass import ForwardPass
from utils.heads import HeadId, Shape
from utils.scoring import score_text

DEEP_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SHAPE = Shape(30, 9)
N_RESTING = 181
N_INDUCTION = 10

WORKING: dict[HeadId, dict[str, float]] = {
    **{HeadId(layer, 3): {"previous_token": 6.0} for layer in (1, 2, 16)},
    **{HeadId(17 + index, index % 9): {"induction": 6.4, "positional": 5.6} for index in range(N_INDUCTION)},
    HeadId(2, 4): {"duplicate_token": 5.5, "positional": 5.0},
    HeadId(8, 0): {"duplicate_token": 5.0},
    HeadId(10, 8): {"current_token": 6.0},
    HeadId(0, 1): {"diffuse": 1.0},
}


def resting() -> list[HeadId]:
    """The heads that rest and do nothing else."""
    return [head for head in SHAPE.all() if head not in WORKING][:N_RESTING]


def deep_jobs() -> dict[HeadId, dict[str, float]]:
    return WORKING | {head: {"positional": 5.5} for head in resting()}


class DeepHeadlight(FakeHeadlight):
    """`FakeHeadlight` with another model beside its own."""

    def catalogue(self, model: str) -> ModelCatalogue | None:
        return deep_catalogue() if model == DEEP_MODEL else super().catalogue(model)

    def forward(self, model: str, prompt: str) -> ForwardPass:
        forward = super().forward(model, prompt)
        return deep_forward(forward) if model == DEEP_MODEL else forward


def deep_forward(forward: ForwardPass) -> ForwardPass:
    """The same text with the patterns of 270 heads."""
    patterns = patterns_of(deep_jobs(), SHAPE.as_tuple, np.array([token.id for token in forward.tokens]))
    return replace(forward, patterns=patterns.astype(np.float32), head_values=None)


@cache
def deep_catalogue() -> ModelCatalogue:
    forward = deep_forward(fake_forward(DEEP_MODEL, CATALOGUE_TEXT, 512))
    return catalogue_from_scores(score_text(forward.reading).roles, DEEP_MODEL)
