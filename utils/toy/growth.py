"""What the heads of the toy pair were at every kept step of their training: their jobs, and the best induction head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils.catalogue.building import roles_of_heads
from utils.heads import HeadId, Shape
from utils.measures.figures import RoleScores
from utils.roles import OTHER
from utils.toy.pair import INDUCTION

if TYPE_CHECKING:
    from utils.catalogue.schema import ModelCatalogue
    from utils.toy.dynamics import TrainingDynamics
    from utils.toy.pair import ToyModel

Roles = list[list[list[str]]]  # [layer][head] the roles held, main one first


def common_steps(models: Sequence[ToyModel]) -> list[int]:
    """The training steps at which copies of all these models were kept, in order."""
    known = [set(model.dynamics.steps.tolist()) for model in models if model.dynamics is not None]
    return sorted(set.intersection(*known)) if known and len(known) == len(models) else []


def roles_at_steps(model: ToyModel, steps: list[int]) -> list[list[str]]:
    """For every kept step the main role of every head, by the catalogue's rules; `other` without one.

    The last step is the finished model, whose roles the catalogue has. Copies keep no peaks, so in them diffuse is told
    from its score alone. Without a catalogue there is no chance level and all are `other`.
    """
    if model.dynamics is None or model.catalogue is None:
        return [[OTHER] * model.shape.n_all for _ in steps]
    earlier = [_main_roles(_roles_at(model.dynamics, model.catalogue, step)) for step in steps[:-1]]
    return [*earlier, model.main_roles()]


def best_at_steps(dynamics: TrainingDynamics, steps: list[int]) -> list[tuple[HeadId, float]]:
    """The head with the best induction score at every kept step, and that score."""
    found = []
    for step in steps:
        scores = dynamics.scores[INDUCTION][dynamics.place_of(step)]
        best = Shape(*scores.shape).at(int(scores.argmax()))
        found.append((best, float(scores[best])))
    return found


def _main_roles(held: Roles) -> list[str]:
    return [roles[0] if roles else OTHER for row in held for roles in row]


def _roles_at(dynamics: TrainingDynamics, catalogue: ModelCatalogue, step: int) -> Roles:
    place = dynamics.place_of(step)
    chance = catalogue.provenance.chance  # records of a training hold plain scores, so those decide here
    return roles_of_heads(
        {role: RoleScores.of(1, values[place], chance.get(role)) for role, values in dynamics.scores.items()}
    )
