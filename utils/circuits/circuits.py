"""The door to all circuits: from a model and its heads to numbers told from the weights, computed once and kept.

Safe under concurrent calls. Where a model's weights are not on this computer but its results come with Headlight
(GPT-2), those answer.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from utils.circuits.average_pattern import AveragePattern, mean_patterns
from utils.circuits.composition import Composition, compute_composition
from utils.circuits.head_circuits import (
    HeadCircuits,
    compute_copying_scores,
    compute_head_circuits,
    joined_vocabulary,
)
from utils.circuits.pair_products import KINDS
from utils.circuits.shipped import ShippedCircuits, shipped_circuits
from utils.circuits.token_circuits import TokenCircuits, compute_token_circuits
from utils.circuits.weights import model_weights
from utils.errors import UserError
from utils.forward_pass import encode_prompt
from utils.heads import Shape
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, ModelStore
from utils.result_cache import Progress, ResultCache, own_progress
from utils.settings import Settings

CACHE_SHARE = 8  # circuits may keep one part in so many of the memory that prompts may


class Circuits:
    """Circuits of the models of one server. Args: models: loads them."""

    def __init__(self, models: ModelStore, settings: Settings):
        self._models = models
        self._settings = settings
        self._results = ResultCache(settings.cache_mb * 2**20 // CACHE_SHARE)

    def forget(self) -> None:
        """Keep no results, since a model's files may have changed."""
        self._results.clear()

    def needs_model(self, model: str) -> bool:
        """Whether the model's weights are not on this computer: no texts and tests then, and numbers only of GPT-2."""
        return local_model_dir(model, self._settings) is None

    def heads_of(self, model: str) -> Shape:
        """How many layers and heads a model has. Raises UserError for a model that is neither here nor shipped."""
        shipped = self._shipped(model)
        return shipped.circuits.shape if shipped is not None else self._models.get(model).shape

    def of_head(self, model: str, head: tuple[int, int]) -> HeadCircuits:
        """Both circuits of one head. Raises UserError as `heads_of`, and for a head that the model does not have."""
        shipped = self._shipped(model)
        if shipped is not None:
            return shipped.circuits.of_head(shipped.circuits.shape.require(*head), through_embedding=None)
        loaded = self._models.get(model)
        chosen = loaded.shape.require(*head)

        def run() -> HeadCircuits:
            product = self._results.once((loaded.edition, "vocabulary"), lambda: joined_vocabulary(loaded))
            return compute_head_circuits(loaded, chosen, product)

        return self._results.once((loaded.edition, "head", chosen), run)

    def copying_scores(self, model: str) -> np.ndarray:
        """OV copying scores, [layer, head] in [-1, 1], of the OV circuits alone. Raises UserError as `heads_of`."""
        shipped = self._shipped(model)
        if shipped is not None:
            return shipped.circuits.copying_scores
        loaded = self._models.get(model)
        return self._results.once((loaded.edition, "copying"), lambda: compute_copying_scores(loaded))

    def composition(self, model: str, kind: str, progress: Progress | None = None) -> Composition:
        """How well all later heads fit all earlier ones.

        Args: kind: Q, K or V. progress: called with pairs done and pairs in all; not called when the answer is known,
        or somebody else is computing it. An exception of its own ends the computation for its asker only.
        Raises: UserError as `heads_of`, and for another kind; what `progress` raises.
        """
        if kind not in KINDS:
            raise UserError(f'There is no composition of the kind "{kind[:20]}".', "Choose kind=Q, kind=K or kind=V.")
        shipped = self._shipped(model)
        if shipped is not None:
            return shipped.compositions[kind]
        loaded = self._models.get(model)
        return self._results.once(
            _composition_key(loaded, kind),
            lambda: compute_composition(model_weights(loaded), loaded.shape, kind, own_progress(progress)),
        )

    def knows_composition(self, model: str, kind: str) -> bool:
        """Whether `composition` answers without comparing: it comes with Headlight, was computed already, or is of a
        model of one layer. False while the model is not in memory."""
        if self._shipped(model) is not None:
            return True
        if not self._models.is_loaded(model):
            return False
        loaded = self._models.get(model)
        return loaded.n_layers == 1 or self._results.has(_composition_key(loaded, kind))

    def token_circuits(
        self, model: str, prompt: str, head: tuple[int, int], through: tuple[int, int] | None = None
    ) -> TokenCircuits:
        """Both circuits of a head on the tokens of a prompt.

        Args: through: a head of an earlier layer, through which the key side passes first.
        Raises: UserError for a prompt with nothing to read, a head that is not there, and a model that is not here.
        """
        loaded = self._models.get(model)
        chosen = loaded.shape.require(*head)
        earlier = None if through is None else loaded.shape.require(*through)
        if earlier is not None and earlier.layer >= chosen.layer:
            raise UserError(
                f"{earlier} is not in an earlier layer than {chosen}, so {chosen} cannot read what it writes.",
                "Choose a head of an earlier layer.",
            )
        read = encode_prompt(loaded, prompt, self._settings.max_tokens)
        key = (loaded.edition, "tokens", prompt, chosen, earlier)
        return self._results.once(key, lambda: compute_token_circuits(loaded, read, chosen, earlier))

    def average_pattern(self, model: str, head: tuple[int, int]) -> AveragePattern:
        """The mean pattern of a head over the catalogue's texts. Raises: UserError as `token_circuits`."""
        loaded = self._models.get(model)
        chosen = loaded.shape.require(*head)
        patterns, n_texts = self._results.once((loaded.edition, "average"), lambda: mean_patterns(loaded))
        return AveragePattern(chosen, patterns[chosen], n_texts, loaded.start_mark_id is not None)

    def _shipped(self, model: str) -> ShippedCircuits | None:
        return shipped_circuits(model) if self.needs_model(model) else None


def _composition_key(loaded: LoadedModel, kind: str) -> tuple[Hashable, ...]:
    return (loaded.edition, "composition", kind)
