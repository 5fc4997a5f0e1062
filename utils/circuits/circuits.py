"""The door to all circuits: from a model and its heads to numbers told from the weights, computed once and kept.

Safe under concurrent calls. Where a model's weights are not on this computer but its results come with Headlight
(GPT-2), those answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from utils.circuits.average_pattern import AveragePattern, mean_patterns
from utils.circuits.composition import Composition, Progress, compute_composition
from utils.circuits.head_circuits import (
    HeadCircuits,
    ModelCircuits,
    compute_model_circuits,
    copying_through_embedding,
)
from utils.circuits.pair_products import KINDS
from utils.circuits.shipped import ShippedCircuits, shipped_circuits
from utils.circuits.token_circuits import TokenCircuits, compute_token_circuits
from utils.circuits.weights import model_weights
from utils.errors import Fix, UserError
from utils.forward_pass import encode_prompt
from utils.heads import HeadId
from utils.models.files import local_model_dir
from utils.models.loader import ModelStore
from utils.result_cache import ResultCache
from utils.settings import Settings

CACHE_SHARE = 8  # circuits may keep one part in so many of the memory that prompts may
Result = TypeVar("Result")


@dataclass(frozen=True)
class Shape:
    """How many layers a model has, and how many heads each."""

    n_layers: int
    n_heads: int


class Circuits:
    """Circuits of the models of one server. Args: models: loads them."""

    def __init__(self, models: ModelStore, settings: Settings):
        self._models = models
        self._settings = settings
        self._results: ResultCache[Any] = ResultCache(settings.cache_mb * 2**20 // CACHE_SHARE)
        self._computing = threading.RLock()

    def forget(self) -> None:
        """Keep no results, since a model's files may have changed."""
        self._results.clear()

    def needs_model(self, model: str) -> bool:
        """Whether the model's weights are not on this computer: no texts and tests then, and numbers only of GPT-2."""
        return local_model_dir(model, self._settings) is None

    def heads_of(self, model: str) -> Shape:
        """How many layers and heads a model has. Raises UserError for a model that is neither here nor shipped."""
        shipped = self._shipped(model)
        if shipped is not None:
            return Shape(shipped.circuits.n_layers, shipped.circuits.n_heads)
        loaded = self._models.get(model)
        return Shape(loaded.n_layers, loaded.n_heads)

    def of_head(self, model: str, head: tuple[int, int]) -> HeadCircuits:
        """Both circuits of one head. Raises UserError as `heads_of`, and for a head that the model does not have."""
        chosen, circuits = self._known(model, head), self._circuits(model)
        if self._shipped(model) is not None:
            return circuits.of_head(chosen, through_embedding=None)
        through = self._once(
            ("through", model, chosen), lambda: (copying_through_embedding(self._models.get(model), chosen),)
        )
        return circuits.of_head(chosen, *through)

    def copying_scores(self, model: str) -> np.ndarray:
        """OV copying scores, [layer, head] in [-1, 1], of the OV circuits alone. Raises UserError as `heads_of`."""
        return self._circuits(model).copying_scores

    def composition(self, model: str, kind: str, progress: Progress | None = None) -> Composition:
        """How well all later heads fit all earlier ones.

        Args: kind: Q, K or V. progress: called with pairs done and pairs in all; not called when the answer is known.
        Raises: UserError as `heads_of`, and for another kind.
        """
        if kind not in KINDS:
            raise UserError(f'There is no composition of the kind "{kind[:20]}".', "Choose kind=Q, kind=K or kind=V.")
        shipped = self._shipped(model)
        if shipped is not None:
            return shipped.compositions[kind]

        def run() -> Composition:
            loaded = self._models.get(model)
            return compute_composition(model_weights(loaded), loaded.n_layers, kind, progress)

        return self._once(("composition", model, kind), run)

    def token_circuits(
        self, model: str, prompt: str, head: tuple[int, int], through: tuple[int, int] | None = None
    ) -> TokenCircuits:
        """Both circuits of a head on the tokens of a prompt.

        Args: through: a head of an earlier layer, through which the key side passes first.
        Raises: UserError for a prompt with nothing to read, a head that is not there, and a model that is not here.
        """
        loaded = self._models.get(model)
        chosen = self._known(model, head)
        earlier = None if through is None else self._known(model, through)
        if earlier is not None and earlier.layer >= chosen.layer:
            raise UserError(
                f"{earlier} is not in an earlier layer than {chosen}, so {chosen} cannot read what it writes.",
                "Choose a head of an earlier layer.",
            )
        read = encode_prompt(loaded, prompt, self._settings.max_tokens)
        key = ("tokens", model, prompt, chosen, earlier)
        return self._once(key, lambda: compute_token_circuits(loaded, read, chosen, earlier))

    def average_pattern(self, model: str, head: tuple[int, int]) -> AveragePattern:
        """The mean pattern of a head over the catalogue's texts. Raises: UserError as `token_circuits`."""
        loaded = self._models.get(model)
        chosen = self._known(model, head)
        patterns, n_texts = self._once(("average", model), lambda: mean_patterns(loaded))
        return AveragePattern(chosen, patterns[chosen], n_texts, loaded.start_mark_id is not None)

    def _shipped(self, model: str) -> ShippedCircuits | None:
        return shipped_circuits(model) if self.needs_model(model) else None

    def _circuits(self, model: str) -> ModelCircuits:
        shipped = self._shipped(model)
        if shipped is not None:
            return shipped.circuits
        return self._once(("heads", model), lambda: compute_model_circuits(self._models.get(model)))

    def _known(self, model: str, head: tuple[int, int]) -> HeadId:
        """The head asked for. Raises UserError with the model's own range when it does not have it."""
        shape, (layer, index) = self.heads_of(model), head
        if 0 <= layer < shape.n_layers and 0 <= index < shape.n_heads:
            return HeadId(layer, index)
        last_layer, last_head = shape.n_layers - 1, shape.n_heads - 1
        nearest = HeadId(min(max(layer, 0), last_layer), min(max(index, 0), last_head))
        raise UserError(
            f"This model has layers 0 to {last_layer} and heads 0 to {last_head}.",
            f"Choose one of its heads, such as layer {nearest.layer}, head {nearest.head}.",
            status=404,
            fix=Fix(f"Show {nearest}", layer=nearest.layer, head=nearest.head),
        )

    def _once(self, key: Hashable, run: Callable[[], Result]) -> Result:
        """A result from the cache, else computed, once however many ask at the same time."""
        result = self._results.get(key)
        if result is not None:
            return cast(Result, result)
        with self._computing:
            return cast(Result, self._results.remember(key, run))
