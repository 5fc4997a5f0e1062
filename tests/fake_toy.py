"""The toy pair without weights: patterns of heads that do their jobs perfectly, and four steps of training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.catalogues import catalogue_of
from tests.fake_service import PLAIN, REPEATING, fake_forward
from tests.patterns import even_pattern, ideal_pattern
from utils.analysis import analyze
from utils.forward_pass import ForwardPass
from utils.heads import HeadId
from utils.toy.dynamics import TrainingDynamics
from utils.toy.pair import ONE_LAYER, TWO_LAYERS, ToyModel

QUERY, COPY, RIVER = 17, 7, 8  # the last "the" of REPEATING, the earlier one, and what followed that
WRITER, READER, ANCHOR = HeadId(0, 1), HeadId(1, 2), HeadId(0, 3)
LONG = f"{REPEATING} river. {PLAIN}. One day {REPEATING} river again"
JOBS = {
    ONE_LAYER: {ANCHOR: "positional"},
    TWO_LAYERS: {WRITER: "previous_token", READER: "induction", ANCHOR: "positional"},
}
STEPS = np.array([0, 100, 200, 300])


def toy_forward(name: str, prompt: str, jobs: dict[HeadId, str]) -> ForwardPass:
    """A forward pass of four heads in each layer that do these jobs perfectly; the others attend evenly."""
    forward = fake_forward(name, prompt, 512)
    ids = forward.token_ids
    n_layers = 1 if name == ONE_LAYER else 2
    patterns = np.stack([[even_pattern(len(ids))] * 4] * n_layers).astype(np.float32)
    for head, role in jobs.items():
        patterns[head] = ideal_pattern(role, ids, split=False)
    return replace(forward, patterns=patterns)


def toy_dynamics(name: str) -> TrainingDynamics:
    """Four steps; in the two-layer model the reader's induction score goes from chance to 0.9."""
    shape = (1 if name == ONE_LAYER else 2, 4)
    scores = {role: np.zeros((4, *shape)) for role in ("previous_token", "induction", "positional", "diffuse")}
    if name == TWO_LAYERS:
        scores["induction"][:, READER.layer, READER.head] = [0.01, 0.02, 0.6, 0.9]
        scores["previous_token"][1:, WRITER.layer, WRITER.head] = 0.95
        second = np.array([8.3, 8.2, 3.0, 0.1])
    else:
        second = np.array([8.3, 8.3, 8.2, 8.2])
    return TrainingDynamics(STEPS, np.array([8.3, 6.0, 5.0, 4.5]), second, 0.01, scores)


def toy_model(name: str, prompt: str = REPEATING, jobs: dict[HeadId, str] | None = None, kept: bool = True) -> ToyModel:
    jobs = JOBS[name] if jobs is None else jobs
    long = toy_forward(name, LONG, jobs)
    catalogue = catalogue_of(long.patterns, np.array(long.token_ids), name)
    analysis = analyze(toy_forward(name, prompt, jobs), catalogue)
    return ToyModel(name, analysis, catalogue, toy_dynamics(name) if kept else None)
