"""The two models of the toy pair on one text: attention only, and different in their number of layers alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from utils.demonstration import Demonstration, demonstrate
from utils.heads import Shape
from utils.levels import HeadLevels, RoleLevel, head_levels
from utils.measures.luck import LEAST_LOOK
from utils.models.files import local_model_dir
from utils.roles import INDUCTION_CIRCUIT
from utils.toy.dynamics import TrainingDynamics, load_dynamics

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.service import Headlight
    from utils.settings import Settings

ONE_LAYER, TWO_LAYERS = "classroom-attn-1l", "classroom-attn-2l"
INDUCTION, PREVIOUS_TOKEN = INDUCTION_CIRCUIT.reader, INDUCTION_CIRCUIT.writer
DUPLICATE_TOKEN = INDUCTION_CIRCUIT.look_alike
NAMES = {ONE_LAYER: "One layer", TWO_LAYERS: "Two layers"}


@dataclass(frozen=True, eq=False)
class ToyModel:
    """One of the two. catalogue: None until its heads are analysed. dynamics: None where no copies were kept."""

    name: str
    analysis: Analysis
    catalogue: ModelCatalogue | None
    dynamics: TrainingDynamics | None

    @property
    def title(self) -> str:
        """One layer, or Two layers."""
        return NAMES[self.name]

    @property
    def shape(self) -> Shape:
        return self.analysis.forward.shape

    @cached_property
    def levels(self) -> list[HeadLevels]:
        """What every head does on the text, by layer and head."""
        return head_levels(self.analysis, self.catalogue)

    def best_induction(self) -> HeadLevels | None:
        """The head with the best induction score on this text when it looks, of those that look there at all; None
        where the text has no evidence. An active head goes before any other."""
        scored = [entry for entry in self.levels if entry.levels[INDUCTION].score is not None]
        return max(scored, key=lambda entry: _how_good(entry.levels[INDUCTION]), default=None)

    def main_roles(self) -> list[str]:
        """The main role of every head now, layer by layer; `other` without one."""
        return [entry.main_job for entry in self.levels]

    def demonstration(self) -> Demonstration:
        """What its strongest induction head does on this text."""
        return demonstrate(self.analysis, INDUCTION)


def _how_good(level: RoleLevel) -> tuple[bool, bool, float]:
    return level.is_active, (level.look or 0.0) >= LEAST_LOOK, level.score or 0.0


def missing_models(settings: Settings) -> list[str]:
    """The models of the pair whose files are not on this computer."""
    return [name for name in NAMES if local_model_dir(name, settings) is None]


def read_pair(service: Headlight, prompt: str) -> tuple[ToyModel, ToyModel]:
    """Both models read a text, the one with one layer first. Raises UserError as `service.analyze` does."""
    one, two = (_read(service, name, prompt) for name in NAMES)
    return one, two


def _read(service: Headlight, name: str, prompt: str) -> ToyModel:
    folder = local_model_dir(name, service.settings)
    dynamics = load_dynamics(folder) if folder is not None else None
    return ToyModel(name, service.analyze(name, prompt), service.catalogue(name), dynamics)
