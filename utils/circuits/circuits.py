"""The door to all circuits: from a model and its heads to numbers, computed once and kept.

Safe under concurrent calls. Where a model's weights are not on this computer but its results come with Headlight
(GPT-2), those answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress

import numpy as np

from utils.catalogue.schema import ModelCatalogue
from utils.circuits.average_pattern import AveragePattern, mean_patterns
from utils.circuits.composition import Composition, compute_composition
from utils.circuits.head_circuits import (
    HeadCircuits,
    compute_copying_scores,
    compute_head_circuits,
    joined_vocabulary,
)
from utils.circuits.jobs import Jobs, jobs_of
from utils.circuits.margin import Margins, ReaderMargin, copying_readers
from utils.circuits.margin_parts import compute_margins
from utils.circuits.pair_products import KINDS
from utils.circuits.shipped import ShippedCircuits, shipped_circuits
from utils.circuits.token_circuits import TokenCircuits, compute_token_circuits
from utils.circuits.weights import model_weights
from utils.errors import UserError
from utils.forward_pass import encode_prompt
from utils.heads import HeadId, Shape
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, ModelStore
from utils.result_cache import Progress, ResultCache, nobody_asks, own_progress, stage
from utils.roles import ROLES
from utils.settings import Settings

CACHE_SHARE = 8  # circuits may keep one part in so many of the memory that prompts may
PAIRS_SHARE = 0.5  # of the time of comparing heads; the rest measures margins
MARGIN_KIND = "K"  # a margin is about what a reader's keys are made of


class Circuits:
    """Circuits of the models of one server.

    Args: models: loads them. catalogue: what is known of a model's heads, None where nothing is.
    """

    def __init__(
        self,
        models: ModelStore,
        settings: Settings,
        catalogue: Callable[[str], ModelCatalogue | None] = lambda _model: None,
    ):
        self._models = models
        self._settings = settings
        self._catalogue = catalogue
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
        return self._results.once((loaded.edition, "copying scores"), lambda: compute_copying_scores(loaded))

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

    def jobs(self, model: str) -> Jobs:
        """What is known of the jobs of a model's heads. Raises UserError as `heads_of`."""
        return jobs_of(model, self._catalogue(model), self.heads_of(model))

    def margins(self, model: str, progress: Progress | None = None) -> Margins:
        """Who writes what each head with a copying job goes by, measured on random texts.

        Args: progress: as `composition` has it, with steps done and steps in all.
        Raises: UserError as `compute_margins`, and for a model that is not on this computer.
        """
        loaded = self._models.get(model)
        readers = copying_readers(self.jobs(model).roles)

        def run() -> Margins | UserError:
            try:
                return compute_margins(loaded, readers, own_progress(progress))
            except UserError as refusal:  # which is kept as well: it takes as long, and will not change
                return refusal

        found = self._results.once(_margins_key(loaded, readers), run)
        if isinstance(found, UserError):
            raise found.again()
        return found

    def margin_of(self, model: str, head: tuple[int, int]) -> ReaderMargin:
        """Who writes what one head goes by.

        Raises: UserError as `margins`, and with status 409 for a head that has no job with copies, or cannot see them.
        """
        chosen = self.heads_of(model).require(*head)
        jobs = self.jobs(model)
        if chosen not in copying_readers(jobs.roles):
            raise _no_job(chosen, is_known=bool(jobs.source))
        found = self.margins(model).readers.get(chosen)
        if found is None:
            raise _sees_too_little(chosen)
        return found

    def compare(self, model: str, kind: str, progress: Progress | None = None) -> Composition:
        """As `composition`; where margins say more, they are measured too, so that `margins` answers at once.

        Args: progress: as `composition` has it, in parts of a thousand where margins are measured.
        """
        if not self._wants_margins(model, kind):
            return self.composition(model, kind, progress)
        tell = progress or nobody_asks
        fits = self.composition(model, kind, stage(tell, 0, PAIRS_SHARE))
        with suppress(UserError):  # whoever asks for the margins is told
            self.margins(model, stage(tell, PAIRS_SHARE, 1))
        return fits

    def knows(self, model: str, kind: str) -> bool:
        """Whether `compare` answers at once: what it gives comes with Headlight, was computed already, or is of a model
        of one layer. False while the model is not in memory."""
        if self._shipped(model) is not None:
            return True
        if not self._models.is_loaded(model):
            return False
        loaded = self._models.get(model)
        keys = [_composition_key(loaded, kind)]
        if self._wants_margins(model, kind):
            keys.append(_margins_key(loaded, copying_readers(self.jobs(model).roles)))
        return loaded.n_layers == 1 or all(map(self._results.has, keys))

    def _wants_margins(self, model: str, kind: str) -> bool:
        return kind == MARGIN_KIND and not self.needs_model(model) and self.heads_of(model).n_layers > 1

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


def _margins_key(loaded: LoadedModel, readers: Mapping[HeadId, str]) -> tuple[Hashable, ...]:
    return (loaded.edition, "margins", tuple(readers.items()))


def _no_job(head: HeadId, is_known: bool) -> UserError:
    jobs = " or ".join(role.display_name.lower() for role in ROLES.values() if role.measure.copy_offset is not None)
    if not is_known:
        return UserError(
            "Nobody has measured yet which jobs this model's heads have.",
            "Analyze the model, under Models.",
            status=409,
        )
    return UserError(
        f"{head} has no job that is about earlier copies ({jobs}), so it has no right keys to prefer.",
        "Choose a head that has one; GET /api/composition compares the weights of all heads.",
        status=409,
    )


def _sees_too_little(head: HeadId) -> UserError:
    return UserError(
        f"The window of {head} is too short to see the earlier copies of the test texts.",
        "Choose a head of another layer.",
        status=409,
    )
