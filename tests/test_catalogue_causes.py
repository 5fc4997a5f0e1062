"""The catalogue says what each head is good for on the second copy: as a field, as a stage of its job, in the API."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.model_folders import few_texts, service_on_few_texts
from tests.test_catalogue_building import catalogue_of, even_head, ideal_head
from tests.tiny_models import classroom_model, readable_tiny_model
from utils.catalogue.causes import HeadCause
from utils.catalogue.file import CatalogueError, catalogues_as_json, load_catalogues, save_catalogue
from utils.catalogue.jobs import JobState
from utils.catalogue.run import HeadTested, TextRead, count_tokens, find_causes, n_heads_to_test, texts_for
from utils.catalogue.schema import HeadCauses, ModelCatalogue
from utils.experiments import rerun
from utils.experiments.second_copy import random_segments
from utils.heads import HeadId
from utils.models.loader import load_model_from
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR

MODEL = "school-model"
WAIT_S = 60
CAUSES = HeadCauses(
    second_copy_nats=[[4.912345, -0.31], [0.02, 0.0]],
    standard_error=[[0.21, 0.05], [0.03, 0.0]],
    n_sequences=8,
    n_tokens=25,
    seed=0,
)


@pytest.fixture(scope="module")
def without() -> ModelCatalogue:
    return catalogue_of([[even_head, even_head], [even_head, ideal_head("induction")]])


@pytest.fixture(scope="module")
def catalogue(without) -> ModelCatalogue:
    return without.model_copy(update={"causes": CAUSES})


def test_a_catalogue_made_before_has_no_causes_and_its_file_does_not_change(without, tmp_path):
    assert '"causes"' not in catalogues_as_json({"made": without})
    path = tmp_path / "catalogue.json"
    save_catalogue(path, without)
    assert load_catalogues(path)["made"].cause_of(HeadId(0, 0)) is None


def test_causes_come_back_to_four_decimals(catalogue, tmp_path):
    path = tmp_path / "catalogue.json"
    save_catalogue(path, catalogue)
    found = load_catalogues(path)["made"]
    assert found.cause_of(HeadId(0, 0)) == HeadCause(4.9123, 0.21)
    assert found.cause_of(HeadId(0, 1)).second_copy_nats == -0.31
    assert (found.causes.n_sequences, found.causes.n_tokens, found.causes.seed) == (8, 25, 0)
    with pytest.raises(IndexError, match="L2H0"):
        found.cause_of(HeadId(2, 0))


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("second_copy_nats", [[1.0, 2.0]], "causes.second_copy_nats"),
        ("second_copy_nats", [[1.0, 2.0], [3.0]], "causes.second_copy_nats[1]"),
        ("standard_error", [[0.1, 0.1], [0.1, -0.1]], "causes.standard_error[1][1]"),
        ("standard_error", [[0.1, 0.1]], "causes.standard_error"),
        ("second_copy_nats", [[1.0, "much"], [1.0, 1.0]], "causes.second_copy_nats[0][1]"),
        ("n_sequences", 1, "causes.n_sequences"),
        ("method", "zero", "causes.method"),
    ],
)
def test_damaged_causes_are_refused_with_the_path_of_the_field(catalogue, tmp_path, key, value, path):
    file = tmp_path / "catalogue.json"
    save_catalogue(file, catalogue)
    content = json.loads(file.read_text())
    content["made"]["causes"][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(CatalogueError) as refusal:
        load_catalogues(file)
    assert f"damaged: made.{path}:" in refusal.value.sentence


@pytest.mark.parametrize(
    ("nats", "error", "is_sure"),
    [(4.9, 0.2, True), (0.4, 0.2, True), (0.39, 0.2, False), (-0.4, 0.2, True), (-0.1, 0.2, False), (0.0, 0.0, False)],
)
def test_a_cause_is_told_from_chance_from_two_standard_errors_on(nats, error, is_sure):
    assert HeadCause(nats, error).is_sure is is_sure


@pytest.fixture
def service(tmp_path) -> Headlight:
    """A server with one more model, which it analyses on few texts."""
    return service_on_few_texts(tmp_path, MODEL)


def test_the_job_ends_with_every_head_off_and_keeps_what_that_cost(service):
    service.start_catalogue_job(MODEL)
    status = service.jobs.wait(WAIT_S)
    assert status.state is JobState.DONE
    assert (status.n_tested, status.n_heads) == (32, 32)
    causes = service.catalogue(MODEL).causes
    assert (causes.n_sequences, causes.n_tokens, causes.seed) == (2, 4, 0)
    assert np.shape(causes.second_copy_nats) == (4, 8)
    entry = service.analyze(MODEL, "The cat sat. The cat sat.").as_json()["categories"]["induction"]["heads"][0]
    assert entry["cause"] == causes.of(HeadId(entry["layer"], entry["head"])).as_json()
    assert set(entry["cause"]) == {"second_copy_nats", "standard_error"}


def test_a_job_that_is_stopped_while_heads_are_off_keeps_nothing(service, monkeypatch):
    again = rerun.read_again

    def read_and_stop(*args: object) -> object:
        service.stop_catalogue_job(MODEL)
        return again(*args)

    monkeypatch.setattr("utils.experiments.second_copy_causes.read_again", read_and_stop)
    service.start_catalogue_job(MODEL)
    status = service.jobs.wait(WAIT_S)
    assert (status.state, status.n_tested) == (JobState.STOPPED, 1)
    assert service.catalogue(MODEL) is None


def test_the_tokens_of_a_job_are_those_that_its_steps_tell():
    loaded = classroom_model()
    texts = few_texts(loaded, 0)
    told: list[TextRead | HeadTested] = []
    find_causes(loaded, texts, told.append)
    assert len(told) == n_heads_to_test(loaded, texts) == 32
    without_heads = count_tokens(loaded, type(texts)(texts.inputs, texts.candidates), 128)
    assert count_tokens(loaded, texts, 128) == without_heads + sum(step.n_tokens for step in told)


@pytest.mark.parametrize("name", ["classroom-tunes", "classroom-attn-1l", "classroom-attn-2l", "classroom-opt"])
def test_every_model_that_ships_can_be_measured(name):
    """Few labels, a short context, no MLPs: two short texts each, since this is about whether it can be done."""
    loaded = load_model_from(SHIPPED_MODELS_DIR / name, name)
    segments = texts_for(loaded, 0).segments
    assert segments.shape[0] == 8
    assert segments.shape[1] * 2 + len(loaded.start_ids) <= loaded.max_positions
    causes = find_causes(loaded, few_texts(loaded, 0), lambda _step: None)
    assert np.isfinite(causes.second_copy_nats).all()


def test_a_model_that_cannot_read_two_tokens_twice_has_no_causes():
    loaded = readable_tiny_model("gpt2")
    texts = few_texts(loaded, 0)
    assert find_causes(loaded, type(texts)(texts.inputs, texts.candidates), lambda _step: None) is None


def test_two_seeds_agree_on_the_heads_of_the_model_that_ships():
    """L0H3 looks at the previous token, and all induction heads read what it writes."""
    loaded = classroom_model()
    for seed in (0, 1):
        segments = random_segments(loaded, 3, 12, seed)
        causes = find_causes(loaded, type(texts := few_texts(loaded, seed))(texts.inputs, {}, segments), lambda _: None)
        first, second = loaded.shape.ranked(np.array(causes.second_copy_nats))[:2]
        assert (first, second) == (HeadId(0, 3), HeadId(0, 1))
        assert causes.of(first).second_copy_nats > 7
