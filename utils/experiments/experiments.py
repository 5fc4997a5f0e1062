"""The door to all experiments: from a question (model, prompt, heads …) to its result, asked once and kept.

Everything is checked here, and every experiment that has a control gets one. Safe under concurrent calls; nothing in
it belongs to one student.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch

from utils.byte_pieces import places_left_out
from utils.catalogue.schema import ModelCatalogue
from utils.circuits.composition import Composition
from utils.errors import Notice, UserError
from utils.experiments.asked_text import AskedText
from utils.experiments.controls import Controls, HeadSet, draw_controls, role_holders
from utils.experiments.direct_logits import DirectLogits, head_direct_logits
from utils.experiments.later_patterns import LaterPatterns, measure_later_patterns
from utils.experiments.logit_lens import LogitLens, read_lens
from utils.experiments.natural_rise import NaturalRise, measure_natural_rise
from utils.experiments.questions import Method, read_method
from utils.experiments.reference_values import MeanValues, reference_means, reference_texts, replacement_values
from utils.experiments.runs import Kind, RunQuestion, Runs
from utils.experiments.scan import Scan, scan_heads
from utils.experiments.second_copy import SecondCopy, measure_second_copy
from utils.experiments.second_text import StandIn, read_stand_in
from utils.experiments.switch_off import SwitchOff, switch_off
from utils.experiments.token_attribution import TokenAttribution, attribute_tokens, usual_embedding
from utils.experiments.word_cause import WordCause, measure_word_cause, sign_of
from utils.forward_pass import encode_prompt, tokens_of
from utils.models.loader import ModelStore
from utils.pyvene_engine import capture_head_values
from utils.result_cache import Progress, ResultCache, own_progress, stage
from utils.roles import ROLES
from utils.settings import Settings

CACHE_SHARE = 8  # experiments may keep one part in so many of the memory that prompts may
NATURAL_MEANS_SHARE = 0.25  # of reading all reference texts with a head on and off
MEANS_SHARE = 0.7  # of the time of switching off, where the means have to be measured first
AskedHeads = Iterable[tuple[int, int]]
Value = TypeVar("Value")
Result = TypeVar(
    "Result",
    SwitchOff,
    WordCause,
    SecondCopy,
    LaterPatterns,
    NaturalRise,
    Scan,
    DirectLogits,
    LogitLens,
    TokenAttribution,
)
Compared = TypeVar("Compared", SwitchOff, WordCause, SecondCopy, LaterPatterns)


class Experiments:
    """All experiments on the models of one server.

    Args: models: loads them. catalogue: what is known of a model's heads, None where nothing is. compose: as
    `Circuits.compare`, so that runs can answer it too.
    """

    def __init__(
        self,
        models: ModelStore,
        settings: Settings,
        catalogue: Callable[[str], ModelCatalogue | None],
        compose: Callable[[str, str, Progress], Composition],
    ):
        self._models = models
        self._settings = settings
        self._catalogue = catalogue
        self._compose = compose
        self._results = ResultCache(settings.cache_mb * 2**20 // CACHE_SHARE)
        self.runs = Runs(self.answer)

    def forget(self) -> None:
        """Keep no results, since a model's files may have changed; runs on their way begin again."""
        self._results.clear()
        self.runs.forget()

    def switch_off(
        self,
        model: str,
        prompt: str,
        heads: AskedHeads,
        method: str = Method.MEAN,
        position: int = -1,
        role: str | None = None,
        progress: Progress | None = None,
        second: str = "",
    ) -> SwitchOff:
        """The next token after a position, with some heads off and with as many others off.

        Args: role: the role that control heads must not hold; without one, none of the roles of the chosen heads. Only
        informative roles count.
        progress: as `scan` has it, with parts of a thousand. second: the text whose values stand in for resample; blank
        for one of Headlight's own.
        Raises: UserError for a prompt with nothing to read, for heads, method, position or role that are not there, and
        for a second text as `read_stand_in`.
        """
        question, way = self._ask(model, prompt), read_method(method)
        chosen, ids = question.heads(heads), question.up_to(position)
        controls, notices = self._controls(question, chosen, role)
        stand_in, told = self._stand_in(question, way, len(ids), second)

        def run() -> SwitchOff:
            values, rest = self._values_first(question, stand_in, len(ids), progress)
            return switch_off(question.loaded, ids, chosen, controls.draws, way, values, rest)

        key = ("switch_off", tuple(ids), chosen, controls.draws, stand_in)
        return self._compared(self._once(question, key, run), controls, notices + told)

    def word_cause(
        self,
        model: str,
        prompt: str,
        target_id: int,
        heads: AskedHeads,
        role: str = "",
        method: str = Method.MEAN,
        position: int = -1,
        progress: Progress | None = None,
        second: str = "",
    ) -> WordCause:
        """What becomes of one next token after a position, with some heads off and with as many others off.

        Args: target_id: of that token. role: a role of writing, which says whether the heads should push it up or
        down; up without one. Others: as `switch_off` has them.
        Raises: UserError as `switch_off`, and for a token that the model does not have.
        """
        question, way = self._ask(model, prompt), read_method(method)
        chosen, ids = question.heads(heads), question.up_to(position)
        controls, notices = self._controls(question, chosen, role or None)
        stand_in, told = self._stand_in(question, way, len(ids), second)
        token_id, sign = question.token_id(target_id), sign_of(role)

        def run() -> WordCause:
            values, rest = self._values_first(question, stand_in, len(ids), progress)
            return measure_word_cause(question.loaded, ids, token_id, chosen, controls.draws, way, values, sign, rest)

        key = ("word_cause", tuple(ids), token_id, chosen, controls.draws, stand_in, sign)
        return self._compared(self._once(question, key, run), controls, notices + told)

    def second_copy(
        self,
        model: str,
        prompt: str,
        heads: AskedHeads,
        method: str = Method.MEAN,
        role: str | None = None,
        progress: Progress | None = None,
    ) -> SecondCopy:
        """The loss on a prompt that is said twice, with some heads off and with as many others off.

        A prompt is cut where its second copy would not fit. Args: progress: as `switch_off` has it.
        Raises: UserError as `switch_off`, and for one token.
        """
        question, way = self._ask(model, prompt), read_method(method)
        chosen = question.heads(heads)
        controls, notices = self._controls(question, chosen, role)
        segment, cut = question.segment(self._settings.max_tokens)

        def run() -> SecondCopy:
            loaded = question.loaded
            n_positions = len(loaded.start_ids) + 2 * len(segment)
            values, rest = self._values_first(question, StandIn(way), n_positions, progress)
            return measure_second_copy(loaded, np.array([segment]), chosen, controls.draws, way, values, rest)

        key = ("second_copy", tuple(segment), chosen, controls.draws, way)
        return self._compared(self._once(question, key, run), controls, notices + cut)

    def later_patterns(
        self,
        model: str,
        prompt: str,
        heads: AskedHeads,
        method: str = Method.MEAN,
        role: str | None = None,
        progress: Progress | None = None,
        second: str = "",
    ) -> LaterPatterns:
        """Where later heads look with some heads off, and with as many others off.

        Args: progress, second: as `switch_off` has them. Raises: as `switch_off`.
        """
        question, way = self._ask(model, prompt), read_method(method)
        chosen = question.heads(heads)
        controls, notices = self._controls(question, chosen, role)
        stand_in, told = self._stand_in(question, way, len(question.ids), second)

        def run() -> LaterPatterns:
            loaded, ids = question.loaded, question.ids
            values, rest = self._values_first(question, stand_in, len(ids), progress)
            left_out = places_left_out(tokens_of(loaded, question.read))
            return measure_later_patterns(loaded, ids, chosen, controls.draws, way, values, left_out, rest)

        key = ("later_patterns", tuple(question.ids), chosen, controls.draws, stand_in)
        return self._compared(self._once(question, key, run), controls, notices + told)

    def natural_rise(
        self, model: str, prompt: str, head: tuple[int, int], progress: Progress | None = None
    ) -> NaturalRise:
        """The loss on the reference texts without one head, whatever the prompt.

        Args: progress: as `switch_off` has it. Raises: UserError as `switch_off`.
        """
        question = self._ask(model, prompt)
        (chosen,) = question.heads([head])
        tell = own_progress(progress)

        def run() -> NaturalRise:
            means = self._means(question, stage(tell, 0, NATURAL_MEANS_SHARE))
            texts = reference_texts(question.loaded)
            return measure_natural_rise(
                question.loaded, texts, chosen, means.later, stage(tell, NATURAL_MEANS_SHARE, 1)
            )

        return self._once(question, ("natural_rise", chosen), run)

    def scan(
        self,
        model: str,
        prompt: str,
        method: str = Method.MEAN,
        position: int = -1,
        progress: Progress | None = None,
        second: str = "",
    ) -> Scan:
        """The effect of each head of the model, off by itself, on the next token after a position.

        Args: progress: called with heads done and heads in all; not called when the answer is known already, or
        somebody else is computing it. An exception of its own ends the scan for its asker only. second: as `switch_off`
        has it.
        Raises: UserError as `switch_off`, and what `progress` raises.
        """
        question, way = self._ask(model, prompt), read_method(method)
        ids = question.up_to(position)
        stand_in, told = self._stand_in(question, way, len(ids), second)

        def run() -> Scan:
            values = self._replacement(question, stand_in, len(ids))
            return scan_heads(question.loaded, ids, way, values, own_progress(progress))

        result = self._once(question, ("scan", tuple(ids), stand_in), run)
        return self._told(result, question.read.notices + told)

    def answer(self, asked: RunQuestion, progress: Progress) -> Any:
        """The result of a question of `runs`. Args: progress: as `scan` has it. Raises: as the experiment itself."""
        model, prompt, method, second = asked.model, asked.prompt, asked.method, asked.second
        if asked.kind is Kind.SCAN:
            return self.scan(model, prompt, method, asked.position, progress, second)
        if asked.kind is Kind.SWITCH_OFF:
            return self.switch_off(model, prompt, asked.heads, method, asked.position, asked.role, progress, second)
        if asked.kind is Kind.WORD:
            about = asked.target_id, asked.heads, asked.role or ""
            return self.word_cause(model, prompt, *about, method, asked.position, progress, second)
        if asked.kind is Kind.SECOND_COPY:
            return self.second_copy(model, prompt, asked.heads, method, asked.role, progress=progress)
        if asked.kind is Kind.LATER:
            return self.later_patterns(model, prompt, asked.heads, method, asked.role, progress, second)
        if asked.kind is Kind.NATURAL:
            return self.natural_rise(model, prompt, asked.heads[0], progress=progress)
        if asked.kind is Kind.LENS:
            return self.logit_lens(model, prompt, progress=progress)
        if asked.kind is Kind.COMPOSITION:
            return self._compose(model, method, progress)
        return self.token_attribution(model, prompt, asked.position, progress=progress)

    def direct_logits(self, model: str, prompt: str, head: tuple[int, int], position: int = -1) -> DirectLogits:
        """What one head writes at a position. Raises: UserError as `switch_off`, and where it cannot be told apart."""
        question = self._ask(model, prompt)
        (chosen,), ids = question.heads([head]), question.up_to(position)
        key = ("direct_logits", tuple(ids), chosen)
        result = self._once(question, key, lambda: head_direct_logits(question.loaded, ids, chosen))
        return self._told(result, question.read.notices)

    def logit_lens(self, model: str, prompt: str, progress: Progress | None = None) -> LogitLens:
        """What the model would say after each layer. Raises: UserError as `switch_off`, and without a final norm."""
        question = self._ask(model, prompt)
        key = ("logit_lens", tuple(question.ids))
        result = self._once(question, key, lambda: read_lens(question.loaded, question.ids, own_progress(progress)))
        return self._told(result, question.read.notices)

    def token_attribution(
        self, model: str, prompt: str, position: int = -1, progress: Progress | None = None
    ) -> TokenAttribution:
        """What each token adds to the first guess after a position. Raises: UserError as `switch_off`."""
        question = self._ask(model, prompt)
        ids = question.up_to(position)
        key = ("token_attribution", tuple(ids))

        def run() -> TokenAttribution:
            usual = self._once(question, ("usual embedding",), lambda: usual_embedding(question.loaded))
            return attribute_tokens(question.loaded, ids, usual, own_progress(progress))

        result = self._once(question, key, run)
        return self._told(result, question.read.notices)

    def _ask(self, model: str, prompt: str) -> AskedText:
        loaded = self._models.get(model)
        return AskedText(loaded, encode_prompt(loaded, prompt, self._settings.max_tokens))

    def _once(self, question: AskedText, key: tuple[Hashable, ...], run: Callable[[], Value]) -> Value:
        """A result without notices, for they belong to one wording of the text. Args: key: all that it depends on
        beside the model."""
        return self._results.once((question.loaded.edition, *key), run)

    @staticmethod
    def _told(result: Result, notices: tuple[Notice, ...]) -> Result:
        return replace(result, notices=notices)

    def _compared(self, result: Compared, controls: Controls, notices: tuple[Notice, ...]) -> Compared:
        return replace(self._told(result, notices), control_layers=controls.layers)

    def _controls(self, question: AskedText, chosen: HeadSet, role: str | None) -> tuple[Controls, tuple[Notice, ...]]:
        """The draws with their layers, and what to tell about text and control."""
        if role is not None and role not in ROLES:
            raise UserError(f'There is no role "{role[:40]}".', f"The roles are {', '.join(ROLES)}.")
        loaded, notices = question.loaded, question.read.notices
        catalogue = self._catalogue(loaded.name)
        if catalogue is None:
            notices += (_no_catalogue(),)
        excluded = role_holders(catalogue, chosen, role)
        return draw_controls(loaded.shape, chosen, excluded), notices

    def _stand_in(
        self, question: AskedText, method: Method, n_read: int, second: str
    ) -> tuple[StandIn, tuple[Notice, ...]]:
        return read_stand_in(question.loaded, method, question.read, n_read, second, self._settings.max_tokens)

    def _values_first(
        self, question: AskedText, stand_in: StandIn, n_positions: int, progress: Progress | None
    ) -> tuple[torch.Tensor | None, Progress]:
        """What stands in for heads that are off, as the first stage of the work, and whom to tell of the rest."""
        tell = own_progress(progress)
        values = self._replacement(question, stand_in, n_positions, stage(tell, 0, MEANS_SHARE))
        return values, stage(tell, MEANS_SHARE, 1)

    def _replacement(
        self, question: AskedText, stand_in: StandIn, n_positions: int, progress: Progress | None = None
    ) -> torch.Tensor | None:
        loaded, method = question.loaded, stand_in.method
        if stand_in.second:
            return capture_head_values(loaded, torch.tensor([stand_in.second]))[0]
        if method is Method.MEAN:
            return self._means(question, own_progress(progress)).at(n_positions)
        texts = reference_texts(loaded) if method is Method.RESAMPLE else []
        return replacement_values(loaded, method, n_positions, texts)

    def _means(self, question: AskedText, progress: Progress) -> MeanValues:
        loaded = question.loaded
        return self._once(question, ("means",), lambda: reference_means(loaded, self._settings, progress))


def _no_catalogue() -> Notice:
    return Notice(
        "Nobody has measured yet which jobs this model's heads have, so heads of the same job may be in the control.",
        "Analyze the model, under Models.",
    )
