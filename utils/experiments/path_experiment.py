"""Is a writer the cause of what its readers do? It is switched off, and the heads that read its note are watched.

What a writer adds to its readers' margins (`utils/circuits/margin.py`) says what they read, and a good fit of weights
what they could. Here each reader's score for its own job is taken on a text with all heads on, with the writer off,
and, as the control, with other heads off one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from utils.experiments.controls import ControlLayers
from utils.heads import HeadId
from utils.measures.reading import Need
from utils.reasons import too_short_reason
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.experiments.later_patterns import LaterPatterns

READERS_SHOWN = 6
LEAST_SCORE = 0.2  # below it, with all heads on, there is hardly a job to lose
LEAST_DROP = 0.1
LITTLE = 4  # a random head changes little if none takes more than one part in so many
NOT_IN_PATTERNS = "This job is told from what heads write, and here it is only watched where they look."


@dataclass(frozen=True, eq=False)
class PathExperiment:
    """What switching one head off did to the heads that read it.

    role: the job that is scored. before, after: [reader] scores in [0, 1] with all heads on, and with the writer off;
    controls: [draw, reader], with one of `control_names` off instead. control_layers: where these come from.
    """

    writer: HeadId
    role: str
    readers: tuple[HeadId, ...]
    before: np.ndarray
    after: np.ndarray
    controls: np.ndarray
    control_names: tuple[str, ...]
    control_layers: ControlLayers = field(default_factory=ControlLayers)

    @property
    def drop(self) -> float:
        """What the readers lose on average with the writer off."""
        return float((self.before - self.after).mean())

    @property
    def control_drops(self) -> np.ndarray:
        """[draw], the same with each control head off."""
        return np.asarray((self.before - self.controls).mean(axis=-1))

    @property
    def is_clear(self) -> bool:
        """Whether the readers lose more than without any control head, and enough to see."""
        return self.drop >= LEAST_DROP and bool((self.drop > self.control_drops).all())


def no_evidence(analysis: Analysis, role: str) -> str:
    """Why a text cannot show the readers' job, or it cannot be watched; empty where it can."""
    tokens, measure = analysis.forward.tokens, ROLES[role].measure
    reason = too_short_reason(tokens)
    if reason:
        return reason
    if measure.needs != {Need.PATTERNS}:
        return NOT_IN_PATTERNS
    return "" if analysis.live[role].n_rows else measure.why_grey(ROLES[role], tokens)


def path_experiment(result: LaterPatterns, role: str, readers: Sequence[HeadId]) -> PathExperiment:
    """The figures of the first six readers. Args: result: of one head off. readers: at least one, strongest first."""
    heads = tuple(readers[:READERS_SHOWN])
    (writer,) = result.after.heads

    def scores(matrix: np.ndarray) -> np.ndarray:
        return np.array([matrix[head] for head in heads])

    controls = np.array([scores(control.scores[role]) for control in result.controls]).reshape(-1, len(heads))
    return PathExperiment(
        writer=writer,
        role=role,
        readers=heads,
        before=scores(result.before_scores[role]),
        after=scores(result.after.scores[role]),
        controls=controls,
        control_names=tuple(" and ".join(map(str, control.heads)) for control in result.controls),
        control_layers=result.control_layers,
    )


def verdict(test: PathExperiment) -> str:
    """One sentence, and only as much as was measured on this text."""
    readers = f"{ROLES[test.role].display_name.lower()} heads"
    if test.before.mean() < LEAST_SCORE:
        return f"On this text the {readers} hardly do their job even with all heads on, so nothing can be said."
    if not len(test.controls):
        fall = f"Without {test.writer} their average score falls by {test.drop:.2f}"
        return f"{fall}, but there is no other head to compare with."
    if test.is_clear:
        return _clear_loss(test, readers)
    if test.drop >= LEAST_DROP:
        n_as_much = int((test.control_drops >= test.drop).sum())
        return (
            f"Without {test.writer} the {readers} lose part of their {_shown_as(test)}, "
            f"but {n_as_much} of {_others(test)} {'takes' if n_as_much == 1 else 'take'} as much."
        )
    return f"{test.writer} hardly matters here. Other heads may do its work."


def _clear_loss(test: PathExperiment, readers: str) -> str:
    """How much the readers lose, where no control head takes as much."""
    without, shape = f"Without {test.writer} the {readers} lose", _shown_as(test)
    if test.after.mean() > test.before.mean() / 2:
        return f"{without} some of their {shape}, more than without any of {_others(test)}."
    lost = f"{without} most of their {shape}"
    if test.control_drops.max() <= test.drop / LITTLE:
        return f"{lost}; a random head changes little."
    return f"{lost}; none of {_others(test)} takes as much. {_strongest_control(test)}"


def _strongest_control(test: PathExperiment) -> str:
    """How much of the readers' average score the strongest control head takes, beside the writer."""
    most = int(test.control_drops.argmax())
    taken = f"{test.control_names[most]}, takes {test.control_drops[most]:.2f} of {test.before.mean():.2f}"
    return f"The strongest of them, {taken} on average; {test.writer} takes {test.drop:.2f}."


def _shown_as(test: PathExperiment) -> str:
    """A job that the grid draws as a stripe loses that; any other its score."""
    is_stripe = ROLES[test.role].measure.drawn_as == "stripe"
    return "stripe" if is_stripe else "score"


def _others(test: PathExperiment) -> str:
    count = len(test.controls)
    return "1 other head" if count == 1 else f"{count} other heads"
