"""A model is analysed in the running server: the same result as the script, one at a time, all or nothing."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.model_folders import change_weights, copy_model, few_texts, service_on_few_texts
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.file import CATALOGUE_PATH, load_catalogues, remove_catalogue, save_catalogue
from utils.catalogue.jobs import CatalogueJobs, JobState
from utils.catalogue.run import HeadTested, TextRead, WordsTested
from utils.catalogue.store import own_catalogue_path
from utils.errors import UserError
from utils.head_detection import get_active_head_summary, load_head_categories
from utils.models.loader import load_model_from
from utils.remaining_time import RemainingTime
from utils.roles import ROLES
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.writing.measuring import measure_writing, n_tokens_to_read

MODEL = "school-model"
N_READ = 8  # 2 repeated sequences, 3 sentences, a passage, 2 prompts
N_FEW = 11  # and the sentences once more, for what heads write there
WAIT_S = 60
REPEATED = "The cat sat on the mat. The cat sat on the"


class Gate:
    """Holds the analysis after its first text until it is opened, and can break it at a text."""

    def __init__(self, monkeypatch, fails_at: int | None = None, is_open: bool = False):
        self.n_read = 0
        self.reached, self.opened = threading.Event(), threading.Event()
        self.fails_at = fails_at
        if is_open:
            self.opened.set()
        self._read = PyVeneEngine.read_batch
        monkeypatch.setattr(PyVeneEngine, "read_batch", lambda engine, ids, needs: self._one(engine, ids, needs))

    def _one(self, engine, input_ids, needs):
        if self.n_read == 1:
            self.reached.set()
            assert self.opened.wait(WAIT_S)
        self.n_read += 1
        if self.n_read == self.fails_at:
            raise RuntimeError("broken on purpose")
        return self._read(engine, input_ids, needs)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)


@pytest.fixture
def service(tmp_path) -> Headlight:
    """With the same folders as `settings`."""
    return service_on_few_texts(tmp_path, MODEL)


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory) -> Headlight:
    """A whole analysis, on all the texts, of a copy of the model that ships."""
    folder = tmp_path_factory.mktemp("school")
    settings = Settings(models_dir=folder / "models", data_dir=folder / "data", offline=True)
    copy_model(settings.models_dir / MODEL)
    service = Headlight(settings)
    service.start_catalogue_job(MODEL)
    service.jobs.wait(4 * WAIT_S)
    return service


def test_single_words_are_told_as_such_until_the_next_text(service, monkeypatch):
    seen = []

    def measure(*args, **_more):
        follow = args[4]
        for step in (TextRead(3, ()), WordsTested(5), WordsTested(5), TextRead(3, ("copying",)), HeadTested(7)):
            follow(step)
            status = service.catalogue_job_status()
            seen.append((status.is_on_words, status.n_read, status.n_tested, status.share))
        raise UserError("That is enough.", "")

    monkeypatch.setattr("utils.catalogue.jobs.measure_catalogue", measure)
    service.start_catalogue_job(MODEL)
    service.jobs.wait(WAIT_S)
    assert [each[:3] for each in seen] == [(False, 1, 0), (True, 1, 0), (True, 1, 0), (False, 2, 0), (False, 2, 1)]
    shares = [each[3] for each in seen]
    assert shares == sorted(set(shares)), "each step takes its part of the bar"


@pytest.mark.parametrize("name", ["classroom-gpt2", "classroom-tunes", "classroom-neox"])
def test_the_tokens_of_the_words_are_counted_before_they_are_read(name):
    loaded = load_model_from(SHIPPED_MODELS_DIR / name, name)
    told: list[int] = []
    measure_writing(loaded, 0, told.append)
    assert n_tokens_to_read(loaded) == pytest.approx(sum(told), rel=0.1)


def test_a_copy_under_another_name_gets_the_heads_of_the_shipped_catalogue(analyzed):
    """TransformerLens made the shipped one, offline; this one went through the server's own forward pass."""
    assert analyzed.catalogue_job_status().state is JobState.DONE
    made, shipped = analyzed.catalogue(MODEL), load_catalogues(CATALOGUE_PATH)["classroom-gpt2"]
    assert made.provenance.inputs_hash == shipped.provenance.inputs_hash
    assert made.provenance.weights == shipped.provenance.weights
    assert made.head_roles == shipped.head_roles
    for role in ROLES:
        assert np.abs(made.usual(role).score - shipped.usual(role).score).max() < 2e-4
        assert [head.id for head in made.heads_of(role)] == [head.id for head in shipped.heads_of(role)]


def test_the_catalogue_says_that_it_was_made_here(analyzed):
    facts = analyzed.catalogue(MODEL).provenance
    assert facts.engine == "pyvene"
    assert facts.max_difference_to_detect_head is None
    assert "pyvene" in facts.versions
    assert MODEL in load_catalogues(own_catalogue_path(analyzed.settings))
    assert MODEL not in load_catalogues(CATALOGUE_PATH)


def test_the_analysis_counts_every_text_and_finds_the_jobs_of_the_cards(analyzed):
    status = analyzed.catalogue_job_status()
    assert status.n_read == status.n_texts > 100
    assert status.share == 1
    assert set(status.roles_found) == {role for role in ROLES if analyzed.catalogue(MODEL).heads_of(role)}


def test_a_new_catalogue_is_used_at_once_by_pages_and_functions(service, monkeypatch):
    before = service.analyze(MODEL, REPEATED)
    assert before.roles["induction"].status == "no_heads"
    assert not next(choice for choice in service.models() if choice.name == MODEL).catalogued
    service.start_catalogue_job(MODEL)
    assert service.jobs.wait(WAIT_S).state is JobState.DONE
    assert service.analyze(MODEL, REPEATED).roles["induction"].heads
    assert next(choice for choice in service.models() if choice.name == MODEL).catalogued
    monkeypatch.setenv("HEADLIGHT_DATA_DIR", str(service.settings.data_dir))
    assert load_head_categories(MODEL)["model_name"] == MODEL
    assert load_head_categories("classroom-gpt2") is not None
    assert get_active_head_summary(before.forward, MODEL)["induction"]["heads"]


def test_a_stopped_analysis_keeps_nothing(service, monkeypatch):
    gate = Gate(monkeypatch)
    service.start_catalogue_job(MODEL)
    assert gate.reached.wait(WAIT_S)
    service.stop_catalogue_job(MODEL)
    gate.opened.set()
    status = service.jobs.wait(WAIT_S)
    assert status.state is JobState.STOPPED
    assert gate.n_read == 2  # the text that was being read, and none after it
    assert service.catalogue(MODEL) is None
    assert not own_catalogue_path(service.settings).exists()


def test_after_a_stop_it_can_be_started_again(service, monkeypatch):
    gate = Gate(monkeypatch)
    service.start_catalogue_job(MODEL)
    gate.reached.wait(WAIT_S)
    service.stop_catalogue_job(MODEL)
    gate.opened.set()
    service.jobs.wait(WAIT_S)
    service.start_catalogue_job(MODEL)
    assert service.jobs.wait(WAIT_S).state is JobState.DONE


def test_two_clicks_start_one_analysis(service, monkeypatch):
    gate = Gate(monkeypatch)
    together = [threading.Thread(target=service.start_catalogue_job, args=[MODEL]) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    gate.opened.set()
    assert service.jobs.wait(WAIT_S).state is JobState.DONE
    assert gate.n_read == N_READ


def test_a_second_model_has_to_wait(service, settings, monkeypatch):
    copy_model(settings.models_dir / "second")
    gate = Gate(monkeypatch)
    service.start_catalogue_job(MODEL)
    with pytest.raises(UserError, match="One model at a time"):
        service.start_catalogue_job("second")
    gate.opened.set()
    assert service.jobs.wait(WAIT_S).model == MODEL


def test_a_failed_analysis_names_the_text_and_leaves_the_old_catalogue(service, monkeypatch):
    service.start_catalogue_job(MODEL)
    service.jobs.wait(WAIT_S)
    path = own_catalogue_path(service.settings)
    before = path.read_bytes()
    Gate(monkeypatch, fails_at=3, is_open=True)
    service.start_catalogue_job(MODEL)
    status = service.jobs.wait(WAIT_S)
    assert status.state is JobState.FAILED
    assert (status.n_read, status.n_texts, status.had_catalogue) == (2, N_FEW, True)
    assert path.read_bytes() == before


def test_a_damaged_catalogue_is_not_written_over(service, settings):
    settings.data_dir.mkdir()
    path = own_catalogue_path(settings)
    path.write_text('{"other": {"model_name": 7}}')
    with pytest.raises(UserError, match=r"other\.model_name"):
        service.start_catalogue_job(MODEL)
    assert path.read_text() == '{"other": {"model_name": 7}}'


def test_students_are_answered_while_an_analysis_runs(service, monkeypatch):
    gate = Gate(monkeypatch)
    service.start_catalogue_job(MODEL)
    assert gate.reached.wait(WAIT_S)
    assert service.analyze(MODEL, REPEATED).forward.n_layers == 4
    assert service.catalogue_job_status().is_running
    gate.opened.set()
    service.jobs.wait(WAIT_S)


@pytest.mark.parametrize("name", ["no-such-model", "../classroom-gpt2", "/etc", "models/school-model", "", "."])
def test_only_listed_models_can_be_analyzed(service, name):
    with pytest.raises(UserError):
        service.start_catalogue_job(name)
    assert service.catalogue_job_status() is None


def test_a_model_whose_files_are_elsewhere_is_refused_without_a_download(service):
    with pytest.raises(UserError, match="not on this computer"):
        service.start_catalogue_job("gpt2-medium")


def test_a_data_directory_that_cannot_be_written_is_told_before_the_work(service, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    settings = Settings(models_dir=service.settings.models_dir, data_dir=tmp_path / "file" / "data", offline=True)
    jobs = CatalogueJobs(settings, lambda _name: pytest.fail("began to load"), few_texts)
    with pytest.raises(UserError, match="cannot write") as refusal:
        jobs.start(MODEL)
    assert "HEADLIGHT_DATA_DIR" in refusal.value.hint


def test_a_catalogue_of_other_weights_is_found_but_not_used(service, settings):
    service.start_catalogue_job(MODEL)
    service.jobs.wait(WAIT_S)
    assert service.analyze(MODEL, REPEATED).notices == ()
    change_weights(settings.models_dir / MODEL)
    assert service.catalogue(MODEL) is None
    analysis = service.analyze(MODEL, REPEATED)
    assert "have changed since" in analysis.as_json()["notices"][0]["sentence"]
    assert analysis.roles["induction"].heads == ()
    service.start_catalogue_job(MODEL)
    assert service.jobs.wait(WAIT_S).had_catalogue
    assert service.analyze(MODEL, REPEATED).notices == ()


def test_the_shipped_catalogue_serves_where_the_own_one_is_of_other_weights(settings):
    service = Headlight(settings)
    shipped = service.catalogue("classroom-gpt2")
    other = shipped.provenance.model_copy(update={"weights": "sha256:" + "0" * 64, "seed": 7})
    save_catalogue(own_catalogue_path(settings), shipped.model_copy(update={"provenance": other}))
    assert service.catalogue("classroom-gpt2").provenance.seed == shipped.provenance.seed


def test_the_operators_catalogue_goes_before_the_shipped_one(settings):
    service = Headlight(settings)
    shipped = service.catalogue("classroom-gpt2")
    own = shipped.provenance.model_copy(update={"seed": 7})
    save_catalogue(own_catalogue_path(settings), shipped.model_copy(update={"provenance": own}))
    assert service.catalogue("classroom-gpt2").provenance.seed == 7
    remove_catalogue(own_catalogue_path(settings), "classroom-gpt2")
    assert service.catalogue("classroom-gpt2").provenance.seed == shipped.provenance.seed


def test_nothing_is_said_about_time_before_it_can_be_told():
    assert RemainingTime().update(elapsed_s=9, share=0.04) == ""
    assert RemainingTime().update(elapsed_s=11, share=0.04) == "About 5 minutes left"
    assert RemainingTime().update(elapsed_s=2, share=0.05) == "Less than a minute left"


def test_remaining_minutes_are_rounded_up():
    assert RemainingTime().update(elapsed_s=60, share=0.25) == "About 3 minutes left"
    assert RemainingTime().update(elapsed_s=61, share=0.25) == "About 4 minutes left"
    assert RemainingTime().update(elapsed_s=60, share=0.5) == "About 1 minute left"
    assert RemainingTime().update(elapsed_s=59, share=0.5) == "Less than a minute left"


def test_remaining_time_never_grows_by_more_than_it_has_to():
    remaining = RemainingTime()
    assert remaining.update(60, 0.2) == "About 4 minutes left"
    assert remaining.update(66, 0.2) == "About 4 minutes left"  # 4.4 minutes
    assert remaining.update(70, 0.2) == "About 5 minutes left"  # 4.7 minutes
    assert remaining.update(80, 0.5) == "About 2 minutes left"
    assert remaining.update(100, 0.9) == "Less than a minute left"
    assert remaining.update(100, 0.6) == "About 1 minute left"  # 1.1 minutes
