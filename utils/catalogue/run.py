"""The steps of one catalogue job, from a model to its `ModelCatalogue`; the script and the running app take the same.

1. every head's scores on the catalogue's inputs (`inputs.py`), pooled over all texts (`building.py`);
2. what every head writes of single words, and whether it passes on names (`utils/writing/measuring.py`);
3. the roles that follow from both, with the provenance of the numbers;
4. prompts that light each role, chosen by putting every candidate to the model (`suggestions.py`);
5. what becomes dearer without each head (`experiments/second_copy_causes.py`).

An engine reads the texts (`engines.py`). Nothing here writes a file. `progress` is called after every text and after
every head of the last step, and may raise to end the job there.
"""

from __future__ import annotations

import datetime
import logging
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from utils.activity import decide
from utils.byte_pieces import places_left_out
from utils.catalogue.building import (
    Measured,
    build_catalogue,
    describe_inputs,
    holders_of,
    measure_roles,
    with_suggestions,
)
from utils.catalogue.engines import PatternEngine, library_versions, read_sequences
from utils.catalogue.inputs import CatalogueInputs, make_inputs, varied_texts
from utils.catalogue.schema import SCHEMA_VERSION, HeadCauses, ModelCatalogue, Provenance
from utils.catalogue.suggestions import Candidate, candidates, choose_suggestions
from utils.cut_words import cut_words
from utils.errors import UserError
from utils.experiments.resting_output import output_share_of_first
from utils.experiments.second_copy_causes import cause_segments, measure_causes, work_of_all
from utils.forward_pass import encode_prompt, run_forward_pass
from utils.head_detection import score_of, summarise_roles
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.measures.written import Writing
from utils.models.loader import LoadedModel
from utils.roles import ROLES
from utils.scoring import ScorePool
from utils.tokens import Token, tokens_from_ids
from utils.writing.measuring import measure_writing, n_tokens_to_read
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing
from utils.writing.values import can_be_told

LOG = logging.getLogger(__name__)
ENOUGH_ROWS = 100  # before so many evidence rows, "found so far" would come and go


@dataclass(frozen=True)
class TextRead:
    """One more text was read. roles_found: the roles that some head holds, by what was read up to here."""

    n_tokens: int
    roles_found: tuple[str, ...]


@dataclass(frozen=True)
class HeadTested:
    """One more head was off. n_tokens: what all heads would have read in that time."""

    n_tokens: int


@dataclass(frozen=True)
class WordsTested:
    """Some more single words were read. n_tokens: with what stands before them."""

    n_tokens: int


Progress = Callable[[TextRead | HeadTested | WordsTested], object]
Writer = Callable[[str], Writing | None]


@dataclass(frozen=True, eq=False)
class CatalogueTexts:
    """Everything that one catalogue job reads: the inputs that are scored, candidates for suggested prompts, and
    segments to say twice while a head is off, [text, position] (None where the model cannot read two tokens twice)."""

    inputs: CatalogueInputs
    candidates: Mapping[str, tuple[Candidate, ...]]
    segments: np.ndarray | None = None

    @property
    def prompts(self) -> frozenset[str]:
        """The candidates' texts; each is read once, whatever number of roles it is tried for."""
        return frozenset(candidate.text for candidates in self.candidates.values() for candidate in candidates)

    @property
    def n_texts(self) -> int:
        return len(self.inputs.all) + len(self.inputs.sentences) + len(self.prompts)


@dataclass(frozen=True, eq=False)
class _Prompt:
    """One prompt as the live decision needs it."""

    tokens: tuple[Token, ...]
    reading: Reading


def texts_for(loaded: LoadedModel, seed: int) -> CatalogueTexts:
    """The texts on which a model is measured. Raises UserError when it reads too few positions to be tested."""
    adapter = loaded.adapter
    texts = varied_texts(adapter)
    inputs = make_inputs(loaded.tokenizer, loaded.start_ids, loaded.max_positions, seed, texts)
    segments = cause_segments(loaded, seed)
    if adapter is None or not adapter.prompts:
        return CatalogueTexts(inputs, candidates(), segments)
    own = tuple(map(Candidate, adapter.prompts))
    return CatalogueTexts(inputs, dict.fromkeys(ROLES, own), segments)


def count_tokens(loaded: LoadedModel, texts: CatalogueTexts, max_tokens: int) -> int:
    """All tokens that the job will read, which is what its time goes by."""
    n_prompts = sum(len(encode_prompt(loaded, text, max_tokens).ids) for text in texts.prompts)
    n_causes = 0 if texts.segments is None else work_of_all(loaded, texts.segments)
    n_words = n_tokens_to_read(loaded) if can_be_told(loaded) else 0
    n_outputs = 2 * sum(map(len, texts.inputs.sentences))  # each is read twice, for its patterns and for its stream
    return sum(map(len, texts.inputs.all)) + n_outputs + n_words + n_prompts + n_causes


def n_heads_to_test(loaded: LoadedModel, texts: CatalogueTexts) -> int:
    """How many heads the last step switches off."""
    return 0 if texts.segments is None else loaded.shape.n_all


def measure_catalogue(
    engine: PatternEngine,
    weights: str,
    texts: CatalogueTexts,
    max_tokens: int,
    progress: Progress,
    max_difference: float | None = None,
    batch_bytes: int | None = None,
    untouched: LoadedModel | None = None,
) -> ModelCatalogue:
    """Measure a model on these texts.

    Args: weights: what names them, `models.weights.name_weights`. max_tokens: the longest prompt of the running app.
    max_difference: to TransformerLens' `detect_head`, where that was measured. batch_bytes: as `read_sequences`.
    untouched: the model as it was loaded, where the engine changes the one that it reads with.
    """
    measured = score_model(engine, texts.inputs, progress, batch_bytes)
    own = untouched or engine.loaded
    writing = measure_writing(own, texts.inputs.seed, lambda n_tokens: progress(WordsTested(n_tokens)))
    scores = measured.with_writing(writing).scores
    provenance = describe_run(engine, weights, texts.inputs, scores, max_difference)
    found = roles_held(scores)
    rests_by_output = find_resting_output(own, texts.inputs, lambda ids: progress(TextRead(2 * len(ids), found)))
    catalogue = build_catalogue(engine.loaded.name, measured, provenance, rests_by_output, writing)
    measure = partial(count_active, engine, catalogue, max_tokens, progress, writer_of(own, catalogue, max_tokens))
    is_whole = partial(reads_whole_words, engine.loaded, max_tokens)
    catalogue = with_suggestions(catalogue, choose_suggestions(measure, list(ROLES), texts.candidates, is_whole))
    return catalogue.model_copy(update={"causes": find_causes(own, texts, progress)})


def find_resting_output(
    loaded: LoadedModel, inputs: CatalogueInputs, after_each: Callable[[np.ndarray], object]
) -> np.ndarray | None:
    """How much of what every head writes on the sentences comes from the first token; None where nobody can tell."""
    try:
        return output_share_of_first(loaded, inputs.sentences, after_each)
    except UserError as error:
        LOG.info("No shares of output: %s", error.sentence)
        return None


def find_causes(loaded: LoadedModel, texts: CatalogueTexts, progress: Progress) -> HeadCauses | None:
    """What every head is good for on the second copy of these segments; None where there are none."""
    if texts.segments is None:
        return None
    found = measure_causes(loaded, texts.segments, lambda work: progress(HeadTested(work)))
    return HeadCauses(
        second_copy_nats=found.rise.tolist(),
        standard_error=found.standard_error.tolist(),
        n_sequences=found.n_sequences,
        n_tokens=found.n_tokens,
        seed=texts.inputs.seed,
    )


def score_model(
    engine: PatternEngine, inputs: CatalogueInputs, progress: Progress, batch_bytes: int | None = None
) -> Measured:
    """Every head's scores for every role on the catalogue's inputs; sentences are judged as any other text."""

    def as_texts(sequences: Sequence[np.ndarray]) -> Iterator[Reading]:
        for reading in read_sequences(engine, sequences, batch_bytes):
            yield as_text(reading, tokens_from_ids(engine.loaded.tokenizer, reading.token_ids.tolist()))

    return measure_roles(
        read_sequences(engine, inputs.repeated, batch_bytes),
        as_texts(inputs.sentences),
        as_texts(inputs.passages),
        lambda pool, read: progress(TextRead(len(read.token_ids), roles_found(pool))),
    )


def roles_found(pool: ScorePool) -> tuple[str, ...]:
    """The roles that some head holds by the rows pooled so far, once those are enough to tell."""
    return roles_held({role: scores for role, scores in pool.result().items() if scores.n_rows >= ENOUGH_ROWS})


def roles_held(scores: Mapping[str, RoleScores]) -> tuple[str, ...]:
    """The roles that some head holds."""
    return tuple(role for role, each in scores.items() if holders_of(role, each).all.any())


def count_active(
    engine: PatternEngine,
    catalogue: ModelCatalogue,
    max_tokens: int,
    progress: Progress,
    write: Writer | None,
    text: str,
) -> dict[str, tuple[int, int]]:
    """Put one text to the model: for every role, how many heads of its card the live decision calls active, of how
    many. Args: write: what heads would write on a text, None where that cannot be told."""
    tokens = _tokens_of(engine.loaded, max_tokens, text)
    ids = [token.id for token in tokens]
    (reading,) = read_sequences(engine, [np.array(ids, dtype=np.int64)])
    reading = as_text(reading, tokens)
    prompt = _Prompt(tokens, reading if write is None else replace(reading, writing=write(text)))
    scored = score_of(prompt)
    decisions = decide(scored, catalogue)
    summary = summarise_roles(prompt, catalogue, scored, decisions)
    progress(TextRead(len(ids), tuple(role for role in ROLES if catalogue.heads_of(role))))
    return {key: (role.n_active, len(role.heads)) for key, role in summary.items()}


def writer_of(loaded: LoadedModel, catalogue: ModelCatalogue, max_tokens: int) -> Writer | None:
    """What reads a text for what heads would write of it; None for a model that was not tested for that."""
    means = catalogue.mean_values
    if means is None:
        return None
    tables = writing_tables(loaded, means)
    return lambda text: with_writing(loaded, tables, run_forward_pass(loaded, text, max_tokens)).writing


def as_text(reading: Reading, tokens: Sequence[Token]) -> Reading:
    """What was read, as that of a text: some places of it may be no evidence."""
    return replace(reading, left_out=places_left_out(tokens))


def reads_whole_words(loaded: LoadedModel, max_tokens: int, text: str) -> bool:
    """Whether every word of a text is one token of the model."""
    return not cut_words(_tokens_of(loaded, max_tokens, text))


def _tokens_of(loaded: LoadedModel, max_tokens: int, text: str) -> tuple[Token, ...]:
    ids = encode_prompt(loaded, text, max_tokens).ids
    return tokens_from_ids(loaded.tokenizer, ids, has_start_mark=bool(loaded.start_ids))


def describe_run(
    engine: PatternEngine,
    weights: str,
    inputs: CatalogueInputs,
    scores: Mapping[str, RoleScores],
    max_difference: float | None,
) -> Provenance:
    """How the numbers were made, as of now."""
    return Provenance(
        schema_version=SCHEMA_VERSION,
        weights=weights,
        bos_rule=bos_rule(engine.loaded),
        start_mark_id=engine.loaded.start_mark_id,
        seed=inputs.seed,
        inputs_hash=inputs.hash,
        n_random_sequences=len(inputs.repeated),
        n_sentences=len(inputs.sentences),
        n_passages=len(inputs.passages),
        engine=engine.name,
        versions={"python": platform.python_version(), **library_versions(engine)},
        date=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        max_difference_to_detect_head=max_difference,
        **describe_inputs(scores),
    )


def bos_rule(loaded: LoadedModel) -> str:
    """How every sequence begins, in words."""
    if loaded.start_mark_id is None:
        return "none: sequences begin with their first token"
    mark = loaded.tokenizer.convert_ids_to_tokens(loaded.start_mark_id)
    return f"one start mark: every sequence begins with id {loaded.start_mark_id}, {mark}"
