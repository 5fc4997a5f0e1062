"""How a model's heads grew while it was trained: scores and losses at every kept step, and where the change was.

`scripts/measure_dynamics.py` writes `dynamics.json` into a model's folder, from copies that the training script kept.
Induction heads come late and fast, and the loss on repeated text falls with them (Olsson et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from utils.errors import UserError

FILE_NAME = "dynamics.json"
SMALLEST_RISE = 0.3  # a score that rises by less shows no phase change
BEGIN, END = 0.1, 0.9  # shares of the final rise between which the change lies


class _Record(BaseModel):
    """The file. scores: role -> [step][layer][head]."""

    model_config = ConfigDict(extra="forbid")

    steps: list[int]
    held_out_loss: list[float]
    second_copy_loss: list[float]
    induction_chance: float
    scores: dict[str, list[list[list[float]]]]

    @model_validator(mode="after")
    def _same_number_of_steps(self) -> _Record:
        lengths = {len(self.held_out_loss), len(self.second_copy_loss), *map(len, self.scores.values())}
        if not self.steps or lengths != {len(self.steps)}:
            raise ValueError("every column needs one entry for each step")
        return self


@dataclass(frozen=True, eq=False)
class TrainingDynamics:
    """One model at every kept step.

    steps: training steps done, [n]. held_out_loss: nats per token of plain text, [n]. second_copy_loss: nats per token
    on the second copy of random segments said twice, [n]. scores: role -> [n, layer, head], the catalogue's score on a
    part of its inputs. induction_chance: the score of an even head on these inputs.
    """

    steps: np.ndarray
    held_out_loss: np.ndarray
    second_copy_loss: np.ndarray
    induction_chance: float
    scores: dict[str, np.ndarray]

    def place_of(self, step: int) -> int:
        """The row of a kept step in every column. Raises IndexError for a step that was not kept."""
        return int(np.flatnonzero(self.steps == step)[0])

    def best(self, role: str) -> np.ndarray:
        """The score of the role's best head at every step, [n]."""
        return self.scores[role].max(axis=(1, 2))

    def as_json(self) -> dict[str, object]:
        """What the file holds: scores to three decimals, losses to four."""
        return {
            "steps": self.steps.tolist(),
            "held_out_loss": np.round(self.held_out_loss, 4).tolist(),
            "second_copy_loss": np.round(self.second_copy_loss, 4).tolist(),
            "induction_chance": round(self.induction_chance, 4),
            "scores": {role: np.round(scores, 3).tolist() for role, scores in self.scores.items()},
        }


def load_dynamics(folder: Path) -> TrainingDynamics | None:
    """What is known of a model's training; None where nothing was kept. Raises UserError for a damaged file."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        record = _Record.model_validate_json(path.read_bytes())
        scores = {role: np.array(values, dtype=np.float64) for role, values in record.scores.items()}
    except (ValidationError, ValueError) as error:
        raise UserError(
            f"{path.name} of {folder.name} is damaged.", "Write it again with scripts/measure_dynamics.py.", status=503
        ) from error
    return TrainingDynamics(
        steps=np.array(record.steps),
        held_out_loss=np.array(record.held_out_loss),
        second_copy_loss=np.array(record.second_copy_loss),
        induction_chance=record.induction_chance,
        scores=scores,
    )


def phase_change(values: np.ndarray, steps: Sequence[int] | np.ndarray) -> tuple[int, int] | None:
    """The first step past 10 % of the final rise, and the first past 90 %; None for a rise of less than 0.3.

    The rise is from the first value to the last. Worked example: values 0, 0.1, 0.5, 1, 1 at steps 0, 1, 2, 3, 4 give
    (1, 3).
    """
    rise = float(values[-1] - values[0])
    if rise < SMALLEST_RISE:
        return None
    risen = (np.asarray(values) - values[0]) / rise
    first, last = (int(np.argmax(risen >= share)) for share in (BEGIN, END))
    return int(steps[first]), int(steps[last])
