"""The one door in front of models, catalogue and checker: pages, the API and scripts ask here.

Safe under concurrent calls. Nothing in it belongs to one student: a question (model, prompt) has the same answer for
everyone, and results are kept in a cache that is bounded in bytes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from utils.analysis import Analysis, analyze
from utils.catalogue.jobs import CatalogueJobs, CatalogueJobStatus
from utils.catalogue.schema import ModelCatalogue
from utils.catalogue.store import FoundCatalogue, find_catalogue
from utils.chat import has_template
from utils.circuits.circuits import Circuits
from utils.errors import Notice, UserError
from utils.experiments.experiments import Experiments
from utils.experiments.switch_off import SwitchOff
from utils.forward_pass import ForwardPass, run_forward_pass
from utils.heads import Shape
from utils.heatmap import head_heatmap_html
from utils.measures.reading import Need
from utils.model_config import MODELS, Kind, display_name_of, kind_of
from utils.models.fetching import FetchJobs, FetchStatus
from utils.models.files import local_model_dir
from utils.models.listing import ModelEntry, list_models
from utils.models.loader import LoadedModel, ModelStore
from utils.models.loading import Loading, seconds_left
from utils.models.removal import Removal, Removals, removable
from utils.models.sources import terms_of
from utils.models.sources.store import SourceNote, require_room, stored_models
from utils.models.sources.terms import accept_terms
from utils.models.speed import Speed, Speeds
from utils.models.weights import bytes_on_disk, remembered_weights_name
from utils.result_cache import ResultCache
from utils.roles import needs_of_roles
from utils.settings import Settings
from utils.stored_example import example_path, load_example
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelChoice:
    """One line of the model menu.

    Args: available: it can be asked; catalogued: its heads were analysed. shape, n_bytes (on disk): None where nobody
    knows. speed: None until it was measured here. note: what Headlight made its files from, None where it did not.
    """

    name: str
    display_name: str
    kind: Kind
    available: bool
    catalogued: bool
    shape: Shape | None = None
    n_bytes: int | None = None
    speed: Speed | None = None
    note: SourceNote | None = None


class Headlight:
    """Answers questions about a prompt. Loads each model once, at its first question."""

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings.from_environment()
        self._models = ModelStore(self.settings)
        self._passes = ResultCache(self.settings.cache_mb * 2**20)
        self.jobs = CatalogueJobs(self.settings, self._models.get)
        self._removals = Removals(self.settings)
        self.fetches = FetchJobs(self.settings)
        self.speeds = Speeds(self.settings)
        self._reading_terms = threading.Lock()
        self.circuits = Circuits(self._models, self.settings, self.catalogue)
        self.experiments = Experiments(self._models, self.settings, self.catalogue, self.circuits.compare)

    def models(self) -> list[ModelChoice]:
        """Models that can be asked, then those whose files are not here; not those with files that cannot be read."""
        entries = [entry for entry in self.model_entries() if entry.is_here or entry.folder is None]
        return sorted(map(self._choice, entries), key=lambda choice: not choice.available)

    def reads_chat(self, model: str) -> bool:
        """Whether a text can be asked as a chat turn: the model's tokenizer, if it is here, has a chat template."""
        return has_template(local_model_dir(model, self.settings))

    def _choice(self, entry: ModelEntry) -> ModelChoice:
        return ModelChoice(
            name=entry.name,
            display_name=entry.display_name,
            kind=kind_of(entry.name),
            available=entry.is_here,
            catalogued=entry.catalogue is not None and not entry.catalogue.is_stale,
            shape=entry.shape,
            n_bytes=entry.n_bytes,
            speed=self.speeds.of(entry.folder) if entry.is_here and entry.folder is not None else None,
            note=entry.note,
        )

    def catalogue(self, model: str) -> ModelCatalogue | None:
        """What is known of a model's heads; None when they were not analysed, or the weights have changed since.

        Raises: CatalogueError when a catalogue file is damaged.
        """
        found = self._found_catalogue(model)
        return found.catalogue if found is not None and not found.is_stale else None

    def _found_catalogue(self, model: str) -> FoundCatalogue | None:
        return find_catalogue(model, local_model_dir(model, self.settings), self.settings)

    def analyze(self, model: str, prompt: str) -> Analysis:
        """Everything that a page shows for a prompt, from one forward pass.

        Args: prompt: a `chat.ChatTurn` to ask it as a chat turn, here and wherever else a prompt is asked about.
        Raises: UserError when the prompt is empty or the model is unknown or not here.
        """
        forward, found = self.forward(model, prompt), self._found_catalogue(model)
        forward = self._with_writing(forward, prompt, found)
        if found is not None and found.is_stale:
            return analyze(replace(forward, notices=(*forward.notices, _stale_notice(model))), None)
        return analyze(forward, found.catalogue if found is not None else None)

    def forward(self, model: str, prompt: str) -> ForwardPass:
        """The forward pass of a prompt, run once however many ask, and again where the model's files have changed.

        While the model is not in memory a stored example answers for it, and the model begins to load.
        """
        stored = self._stored_example(model, prompt)
        if stored is not None:
            return stored
        loaded, load_s = self._open(model)
        forward = self._passes.once(
            (model, loaded.edition, prompt), lambda: run_forward_pass(loaded, prompt, self.settings.max_tokens)
        )
        if load_s is not None:
            self.speeds.measure_later(loaded, load_s)
        return forward

    def _with_writing(self, forward: ForwardPass, prompt: str, found: FoundCatalogue | None) -> ForwardPass:
        """A forward pass with what its heads would write, where the catalogue has the figures that takes."""
        means = None if found is None or found.is_stale else found.catalogue.mean_values
        if means is None or forward.values is None:
            return forward
        model = forward.model_name
        loaded = self._models.get(model)
        key = ("writing", model, loaded.edition, found.catalogue.writing_hash if found else "")
        tables = self._passes.once(key, lambda: writing_tables(loaded, means))
        written = self._passes.once((*key, prompt), lambda: with_writing(loaded, tables, forward).writing)
        return replace(forward, writing=written)

    def _open(self, model: str) -> tuple[LoadedModel, float | None]:
        """A model, and the seconds that loading it took; None where it was loaded before."""
        is_loaded, began = self._models.is_loaded(model), time.monotonic()
        loaded = self._models.get(model)
        return loaded, None if is_loaded else time.monotonic() - began

    def heatmap_html(self, model: str, prompt: str, layer: int, head: int) -> str:
        """The BertViz page of one head. Raises UserError as `analyze`, and for a head that the model does not have."""
        forward = self.forward(model, prompt)
        return head_heatmap_html(forward, forward.shape.require(layer, head))

    def ablate(
        self,
        model: str,
        prompt: str,
        heads: Iterable[tuple[int, int]],
        method: str = "mean",
        position: int = -1,
        second: str = "",
    ) -> SwitchOff:
        """What comes after a token with some heads off, beside as many other heads off.

        Args: heads: (layer, head) each. method: zero, mean or resample. position: of the token, as a Python index.
        second: the text whose values stand in for resample; blank for one of Headlight's own.
        Raises: UserError as `analyze`, for heads, method or position that are not there, and for a second text that is
        too short.
        """
        return self.experiments.switch_off(model, prompt, heads, method, position, second=second)

    def _stored_example(self, model: str, prompt: str) -> ForwardPass | None:
        """The stored answer to a question whose model is not in memory yet, if there is one of these very weights."""
        if model not in MODELS or self._models.is_loaded(model) or Need.HEAD_VALUES in needs_of_roles():
            return None
        path, folder = example_path(model), local_model_dir(model, self.settings)
        if folder is None or not path.is_file():
            return None
        found = self._found_catalogue(model)
        means = found.catalogue.writing_hash if found is not None else ""
        stored = load_example(path, prompt, remembered_weights_name(folder), means)
        if stored is not None:
            self.warm_up(model)
        return stored

    def warm_up(self, model: str | None = None) -> threading.Thread:
        """Begin to load a model, the default one if none is named, so that a later question finds it in memory."""
        name = model or self.settings.default_model

        def load() -> None:
            with suppress(UserError):  # whoever asks is told
                self.model_entries()  # which weights these are takes a moment the first time, and every page asks
                loaded, load_s = self._open(name)
                if load_s is not None:
                    self.speeds.measure_later(loaded, load_s)

        thread = threading.Thread(target=load, name="warm-up", daemon=True)
        thread.start()
        return thread

    def has_to_load(self, model: str) -> bool:
        """Whether a question to a model that is on this computer waits for its files."""
        return not self._models.is_loaded(model) and local_model_dir(model, self.settings) is not None

    def loading(self, model: str) -> Loading | None:
        """How long a model will still take to be in memory; None while nobody loads it."""
        since_s, folder = self._models.loading_for_s(model), local_model_dir(model, self.settings)
        if since_s is None or folder is None:
            return None
        known = self.speeds.of(folder)
        last_s = None if known is None else known.load_s
        return Loading(display_name_of(model), seconds_left(since_s, bytes_on_disk(folder), last_s))

    def health(self) -> dict[str, object]:
        """Whether the default model can answer, by letting it read two words. Raises UserError when it cannot."""
        model = self.settings.default_model
        forward = self.forward(model, "Hello there")
        return {"status": "ok", "model": model, "layers": forward.n_layers, "heads": forward.n_heads}

    def model_entries(self) -> list[ModelEntry]:
        """Every known or found model in detail, for the Models page. Raises CatalogueError for a damaged catalogue."""
        return list_models(self.settings)

    def catalogue_job_status(self) -> CatalogueJobStatus | None:
        """The catalogue job that runs, or ended last; None before the first."""
        return self.jobs.status()

    def start_catalogue_job(self, model: str) -> CatalogueJobStatus:
        """Begin to measure which roles each head of a model has. Raises UserError as `CatalogueJobs.start` does."""
        return self.jobs.start(self._listed(model).name)

    def stop_catalogue_job(self, model: str) -> None:
        """Let the catalogue job of a model end after the text it is reading, without a result."""
        self.jobs.stop(model)

    def fetch_status(self) -> FetchStatus | None:
        """The fetch that runs, or ended last; None before the first."""
        return self.fetches.status()

    def start_fetch(self, model: str) -> FetchStatus:
        """Begin to bring a model here from the first source that can.

        Raises: UserError as `FetchJobs.start` does, and for a model that is here.
        """
        entry = self._listed(model)
        if entry.is_here:
            raise UserError(f"{entry.display_name} is here already.", "Choose it under Model.", status=409)
        return self.fetches.start(entry.name)

    def stop_fetch(self, model: str) -> None:
        """End the fetch of a model, of which nothing is kept."""
        self.fetches.stop(model)

    def terms(self, model: str) -> str:
        """The words of the terms to accept before a model is fetched.

        Raises: UserError where there are none, they are out of reach, or nothing can be kept here.
        """
        entry = self._listed(model)
        require_room(stored_models(self.settings), 0, entry.display_name)
        with self._reading_terms:
            return terms_of(entry.name, self.settings)

    def accept_terms(self, model: str) -> None:
        """Note that whoever runs Headlight has read and accepted a model's terms. Raises UserError as `terms` does."""
        accept_terms(model, self.terms(model), self.settings)

    def removable(self, entry: ModelEntry, in_use: str) -> Removal | None:
        """What can be removed of a model now: what the operator added, unless the model is in use.

        Args: in_use: the model that whoever asks is looking at.
        """
        is_in_use = entry.name in (in_use, self.settings.default_model) or self.jobs.is_running(entry.name)
        return None if is_in_use else removable(entry)

    def remove_model(self, model: str, in_use: str) -> Removal:
        """Remove what the operator added of a model. Raises UserError when there is nothing, or the model is in use."""
        entry = self._listed(model)
        if self.removable(entry, in_use) is None:
            raise UserError(
                "What came with Headlight, or is in use, cannot be removed.", "Choose another model first.", status=403
            )
        removal = self._removals.remove(entry)
        self._forget(model)
        return removal

    def undo_removal(self, model: str) -> None:
        """Put back what was just removed. Raises UserError when it is too late."""
        self._removals.undo(model)
        self._forget(model)

    def _listed(self, model: str) -> ModelEntry:
        """The entry of that name. Raises UserError when no model is called so."""
        entry = next((entry for entry in self.model_entries() if entry.name == model), None)
        if entry is None:
            raise UserError("Headlight does not know a model of that name.", "Choose one of the list.", status=404)
        return entry

    def _forget(self, model: str) -> None:
        """Read a model's files afresh. The model goes first, so that what is computed after the rest is of new files;
        and all results go, since they cost less to compute again than to tell apart."""
        self._models.forget(model)
        self._passes.clear()
        self.experiments.forget()
        self.circuits.forget()


def _stale_notice(model: str) -> Notice:
    return Notice(
        f"The weights of {display_name_of(model)} have changed since its heads were catalogued, so that catalogue is "
        "not used.",
        "Analyze the model again, under Models.",
    )
