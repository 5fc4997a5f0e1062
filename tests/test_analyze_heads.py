"""The offline analysis on a real, trained model: two engines, TransformerLens' own detector, and the file it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import scripts.analyze_heads as analysis
import scripts.transformer_lens_engine as detector
from tests.patterns import PATTERN_ROLES
from tests.precision import MEAN_WEIGHT, WEIGHT
from utils.analysis import analyze
from utils.catalogue.engines import PyVeneEngine, read_sequences
from utils.catalogue.file import load_catalogues, save_catalogue
from utils.catalogue.inputs import detector_sequences, make_inputs
from utils.catalogue.schema import ModelCatalogue
from utils.errors import UserError
from utils.forward_pass import run_forward_pass
from utils.measures.reading import Need
from utils.models.loader import load_model_from
from utils.models.weights import name_weights
from utils.roles import ROLES
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing

MODEL_DIR = SHIPPED_MODELS_DIR / "classroom-gpt2"
OFFLINE = Settings(offline=True)


@pytest.fixture(scope="module")
def pyvene():
    return PyVeneEngine(load_model_from(MODEL_DIR))


@pytest.fixture(scope="module")
def transformer_lens():
    return detector.TransformerLensEngine(load_model_from(MODEL_DIR))


@pytest.fixture(scope="module")
def inputs(pyvene):
    return make_inputs(pyvene.loaded.tokenizer, pyvene.loaded.start_ids, pyvene.loaded.max_positions, seed=0)


@pytest.fixture(scope="module")
def catalogue() -> ModelCatalogue:
    """The whole analysis through TransformerLens, as the command line runs it."""
    return analysis.analyze_model(str(MODEL_DIR), "transformer_lens", 0, OFFLINE)


def patterns_of(engine, token_ids) -> np.ndarray:
    """[layer, head, query_pos, key_pos] of one sequence by itself."""
    return engine.read_batch(torch.from_numpy(token_ids)[None], frozenset({Need.PATTERNS})).patterns[0]


def test_both_engines_read_the_same_head_values(pyvene, transformer_lens, inputs):
    """What each head hands on, [layer, head, position, d_head]: TransformerLens calls it z."""
    batch = torch.from_numpy(inputs.sentences[0])[None]
    ours, theirs = (
        engine.read_batch(batch, frozenset({Need.PATTERNS, Need.HEAD_VALUES})).head_values
        for engine in (pyvene, transformer_lens)
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()
    assert pyvene.read_batch(batch, frozenset({Need.PATTERNS})).head_values is None


def test_transformer_lens_and_pyvene_give_the_same_patterns(pyvene, transformer_lens, inputs):
    sequences = [*inputs.repeated[:3], *inputs.sentences[:3]]
    pairs = zip(read_sequences(pyvene, sequences), read_sequences(transformer_lens, sequences), strict=True)
    for our, their in pairs:
        assert np.array_equal(our.token_ids, their.token_ids)
        ours, theirs = our.patterns, their.patterns
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < WEIGHT


@pytest.mark.parametrize("name", ["pyvene", "transformer_lens"])
def test_a_sequence_gives_the_same_patterns_alone_and_in_a_padded_batch(name, inputs, request):
    engine = request.getfixturevalue(name)
    sequences = inputs.sentences[:5]
    assert len({len(sequence) for sequence in sequences}) > 1
    for reading in read_sequences(engine, sequences):
        alone = patterns_of(engine, reading.token_ids)
        assert np.abs(reading.patterns - alone).max() < WEIGHT
        assert np.abs(reading.patterns.sum(axis=-1) - 1).max() < MEAN_WEIGHT


def test_no_sequence_is_lost_between_batches(pyvene, inputs, monkeypatch):
    monkeypatch.setattr("utils.catalogue.engines.BATCH_BYTES", 300_000)
    read = [reading.token_ids for reading in read_sequences(pyvene, inputs.sentences[:9])]
    assert sorted(map(tuple, read)) == sorted(map(tuple, inputs.sentences[:9]))


@pytest.mark.parametrize("role", ["previous_token", "induction", "duplicate_token"])
def test_our_formula_agrees_with_detect_head_on_its_own_forward_pass(transformer_lens, role):
    """`detect_head` runs the model itself here; nothing is shared but the text."""
    for text in detector_sequences(transformer_lens.loaded.tokenizer, seed=3, count=3):
        token_ids = transformer_lens.ids_of(text)
        patterns = patterns_of(transformer_lens, token_ids)
        ours = detector.share_on_targets(patterns, token_ids, role)
        theirs = detector.detector_scores(transformer_lens, text, role)
        assert np.abs(ours - theirs).max() < MEAN_WEIGHT
        assert theirs.max() > 0.01  # two zeros would agree as well


def test_detect_head_reads_the_start_mark_exactly_once(transformer_lens):
    loaded = transformer_lens.loaded
    ids = transformer_lens.ids_of("the king sat down").tolist()
    assert ids.count(loaded.start_mark_id) == 1
    assert ids[0] == loaded.start_mark_id


def test_the_largest_difference_to_detect_head_is_measured_and_kept(catalogue):
    assert 0 <= catalogue.provenance.max_difference_to_detect_head < 1e-5


def test_both_engines_write_the_same_catalogue(catalogue):
    other = analysis.analyze_model(str(MODEL_DIR), "pyvene", 0, OFFLINE)
    assert other.head_roles == catalogue.head_roles
    assert other.provenance.inputs_hash == catalogue.provenance.inputs_hash
    assert other.provenance.weights == catalogue.provenance.weights
    assert other.provenance.max_difference_to_detect_head is None
    for role in ROLES:
        assert np.abs(other.usual(role).score - catalogue.usual(role).score).max() < 1e-4
        assert other.categories[role].suggested_prompt == catalogue.categories[role].suggested_prompt


def test_the_catalogue_says_how_it_was_made(catalogue, pyvene):
    facts = catalogue.provenance
    assert facts.weights.startswith("sha256:")
    assert facts.start_mark_id == pyvene.loaded.start_mark_id
    assert str(facts.start_mark_id) in facts.bos_rule
    assert {"torch", "transformers", "transformer-lens", "numpy", "python"} <= set(facts.versions)
    assert facts.n_random_sequences >= 50
    assert facts.n_sentences >= 20
    assert min(facts.evidence_rows[role] for role in PATTERN_ROLES) > 500
    assert facts.evidence_rows["copying"] > 200
    assert "name_mover" not in facts.evidence_rows  # not tested: the model does not solve the task


def test_every_suggested_prompt_lights_as_many_heads_as_it_says(catalogue, pyvene):
    """Measured again by the app's own route, from the text on."""
    tables = writing_tables(pyvene.loaded, catalogue.mean_values)
    for role in ROLES:
        for prompt in catalogue.categories[role].suggested_prompts:
            forward = with_writing(pyvene.loaded, tables, run_forward_pass(pyvene.loaded, prompt.text, 128))
            summary = analyze(forward, catalogue).roles[role]
            assert (summary.n_active, len(summary.heads)) == (prompt.lights, prompt.of)


def test_the_trained_model_has_grown_previous_token_and_induction_heads(catalogue):
    assert catalogue.heads_of("previous_token")
    assert catalogue.heads_of("induction")[0].excess > 0.6


def test_the_catalogue_survives_the_file(catalogue, tmp_path):
    path = tmp_path / "catalogue.json"
    save_catalogue(path, catalogue)
    loaded = load_catalogues(path)["classroom-gpt2"]
    assert loaded.head_roles == catalogue.head_roles
    assert loaded.categories["induction"].suggested_prompt == catalogue.categories["induction"].suggested_prompt


def test_nothing_is_written_when_our_scores_differ_from_detect_head(tmp_path, monkeypatch, capsys):
    """A formula that leaves one row out of the mean must not get into a file."""
    honest = detector.share_on_targets

    def without_one_row(patterns, token_ids, role):
        return honest(patterns, token_ids, role) * len(token_ids) / (len(token_ids) - 1)

    monkeypatch.setattr(detector, "share_on_targets", without_one_row)
    path = tmp_path / "catalogue.json"
    assert analysis.main(["--model", str(MODEL_DIR), "--output", str(path)]) == 1
    assert not path.exists()
    assert "Nothing was written" in capsys.readouterr().err


def test_a_difference_that_is_not_a_number_is_refused_too(transformer_lens, monkeypatch):
    monkeypatch.setattr(detector, "share_on_targets", lambda patterns, *_: np.full(patterns.shape[:2], np.nan))
    with pytest.raises(UserError, match="differ from TransformerLens"):
        analysis.check_against_detect_head(transformer_lens, ["the king sat down by the sea"], lambda: None)


def test_a_damaged_file_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    path = tmp_path / "catalogue.json"
    path.write_text('{"classroom-gpt2": {"model_name": 7}}')
    monkeypatch.setattr(analysis, "analyze_model", lambda *_: pytest.fail("began to analyse"))
    assert analysis.main(["--model", str(MODEL_DIR), "--output", str(path)]) == 1
    assert "classroom-gpt2.model_name" in capsys.readouterr().err
    assert json.loads(path.read_text()) == {"classroom-gpt2": {"model_name": 7}}


def test_the_command_line_updates_one_model_and_goes_on_after_a_failure(tmp_path, catalogue, monkeypatch, capsys):
    def analyse(name, *_):
        if name == "missing":
            raise UserError("No such model.", "Try another.")
        return catalogue.model_copy(update={"model_name": name})

    monkeypatch.setattr(analysis, "analyze_model", analyse)
    path = tmp_path / "catalogue.json"
    assert analysis.main(["--model", "first", "missing", "second", "--output", str(path)]) == 1
    assert set(load_catalogues(path)) == {"first", "second"}
    assert "No such model." in capsys.readouterr().err


def test_a_directory_of_a_known_model_is_catalogued_under_its_registered_name(tmp_path):
    folder = tmp_path / "Qwen2.5-0.5B"
    folder.mkdir()
    assert analysis.find_folder(str(folder), OFFLINE) == ("Qwen/Qwen2.5-0.5B", folder)
    own = tmp_path / "my-model"
    own.mkdir()
    assert analysis.find_folder(str(own), OFFLINE) == ("my-model", own)
    assert analysis.find_folder("classroom-gpt2", OFFLINE) == ("classroom-gpt2", MODEL_DIR)


@pytest.mark.parametrize("name", ["nobody/has-this-model", "no such name", "missing/folder/deep"])
def test_a_model_that_is_nowhere_is_refused_with_a_next_step(name):
    with pytest.raises(UserError, match="neither a directory") as refusal:
        analysis.find_folder(name, OFFLINE)
    assert "config.json" in refusal.value.hint


def test_weights_are_named_by_their_content_or_by_the_hubs_revision(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = name_weights(folder)
    (folder / "model.safetensors").write_bytes(b"two")
    assert first != name_weights(folder)
    assert name_weights(tmp_path / "snapshots" / "abc123") == "revision:abc123"
