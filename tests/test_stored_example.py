"""The stored answer that a page opens on is that of the model, and of nothing else."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import utils.models.loader as loader
from components.address import Question
from components.loading_line import said
from tests.real_models import SMOLLM2, real_folder, real_model, settings_with
from tests.tiny_models import readable_tiny_model, save_tiny_model
from tests.together import until
from utils.catalogue.file import load_catalogues
from utils.example_texts import DEFAULT_PROMPT
from utils.forward_pass import run_forward_pass
from utils.models.loading import BYTES_PER_S, Loading, seconds_left
from utils.models.weights import name_weights
from utils.service import Headlight
from utils.settings import Settings
from utils.stored_example import example_path, load_example, save_example
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing


@pytest.fixture
def forward():
    return run_forward_pass(readable_tiny_model("gpt2"), "the cat sat. the cat", 32)


def test_it_comes_back_as_it_was(forward, tmp_path):
    save_example(tmp_path / "it.npz", forward, "sha256:1")
    again = load_example(tmp_path / "it.npz", forward.prompt, "sha256:1")
    np.testing.assert_array_equal(again.patterns, forward.patterns)
    assert (again.tokens, again.predictions, again.prompt) == (forward.tokens, forward.predictions, forward.prompt)
    assert not again.patterns.flags.writeable


@pytest.mark.parametrize(("prompt", "weights"), [("the cat sat. the dog", "sha256:1"), (None, "sha256:2")])
def test_another_prompt_or_other_weights_have_none(forward, tmp_path, prompt, weights):
    save_example(tmp_path / "it.npz", forward, "sha256:1")
    assert load_example(tmp_path / "it.npz", prompt or forward.prompt, weights) is None
    assert load_example(tmp_path / "none.npz", forward.prompt, "sha256:1") is None


def test_what_ships_is_of_the_default_text_and_of_the_catalogued_weights():
    with np.load(example_path(SMOLLM2)) as stored:
        about = json.loads(str(stored["about"]))
    assert about["prompt"] == DEFAULT_PROMPT
    assert about["weights"] == load_catalogues()[SMOLLM2].provenance.weights
    assert example_path(SMOLLM2).stat().st_size < 200_000


def test_what_ships_is_what_the_model_says():
    loaded, folder = real_model(SMOLLM2), real_folder(SMOLLM2)
    stored = load_example(
        example_path(SMOLLM2), DEFAULT_PROMPT, name_weights(folder), load_catalogues()[SMOLLM2].writing_hash
    )
    tables = writing_tables(loaded, load_catalogues()[SMOLLM2].mean_values)
    live = with_writing(loaded, tables, run_forward_pass(loaded, DEFAULT_PROMPT, 128))
    assert stored.tokens == live.tokens
    assert live.notices == ()
    np.testing.assert_allclose(stored.patterns, live.patterns, atol=1e-5)
    for write, written in stored.writing.ways.items():
        again = live.writing.ways[write]
        np.testing.assert_array_equal(written.hits, again.hits)
        np.testing.assert_allclose(written.logits, again.logits, atol=1e-3)
        assert written.targets == again.targets
    np.testing.assert_allclose(stored.writing.scale, live.writing.scale, rtol=1e-4)
    assert [each.token for each in stored.predictions[:5]] == [each.token for each in live.predictions[:5]]


class TestTheFirstQuestion:
    @pytest.fixture
    def gate(self, monkeypatch):
        """Loading waits until it is opened."""
        may_load = threading.Event()
        load = loader.load_model

        def wait_and_load(*asked):
            assert may_load.wait(30)
            return load(*asked)

        monkeypatch.setattr(loader, "load_model", wait_and_load)
        yield may_load
        may_load.set()

    @pytest.fixture
    def service(self, tmp_path, monkeypatch):
        """A service whose registered model gpt2 has a stored example."""
        folder = save_tiny_model(tmp_path / "own" / "gpt2")
        settings = Settings(models_dir=tmp_path / "own", data_dir=tmp_path / "data", offline=True, default_model="gpt2")
        stored = run_forward_pass(readable_tiny_model("gpt2"), "the cat", 32)
        path = tmp_path / "gpt2.npz"
        save_example(path, replace(stored, model_name="gpt2"), name_weights(folder))
        monkeypatch.setattr("utils.service.example_path", lambda _model: path)
        return Headlight(settings)

    def test_is_answered_before_the_weights_are_in_memory(self, service, gate):
        assert service.forward("gpt2", "the cat").model_name == "gpt2"
        assert until(lambda: service.loading("gpt2")).name == "GPT-2"
        words, is_over = said(service, Question("gpt2", "the cat"))
        assert words.startswith("GPT-2 is loading, ")
        assert not is_over
        gate.set()
        service.warm_up("gpt2").join(30)
        assert service.loading("gpt2") is None
        assert said(service, Question("gpt2", "the cat")) == ("", True)

    def test_once_they_are_the_model_itself_answers(self, service, gate):
        stored = service.forward("gpt2", "the cat")
        gate.set()
        service.warm_up("gpt2").join(30)
        assert service.forward("gpt2", "the cat") is not stored

    def test_of_other_weights_it_is_refused(self, service, gate):
        gate.set()
        folder = service.settings.models_dir / "gpt2"
        path = folder / "model.safetensors"
        weights = {name: tensor * 2 for name, tensor in load_file(path).items()}
        save_file(weights, path, metadata={"format": "pt"})
        service.forward("gpt2", "the cat")
        assert service._models.is_loaded("gpt2")


def test_the_line_counts_down_and_never_below_nothing():
    assert [seconds_left(since, int(3 * BYTES_PER_S)) for since in (0, 0.5, 2.9, 3, 100)] == [3, 3, 1, 0, 0]
    assert seconds_left(1.5, int(3 * BYTES_PER_S), last_s=12.0) == 11
    assert Loading("It", 12).sentence == "It is loading, 12 s left."
    assert Loading("It", 0).sentence == "It is loading, nearly there."


def test_the_default_model_opens_at_once_with_all_jobs(tmp_path, monkeypatch):
    service = Headlight(settings_with(SMOLLM2, tmp_path))
    monkeypatch.setattr(service._models, "get", lambda _name: pytest.fail("loaded"))
    monkeypatch.setattr(service, "warm_up", lambda *_: None)
    analysis = service.analyze(SMOLLM2, DEFAULT_PROMPT)
    lit = [role for role, shown in analysis.roles.items() if shown.status == "active"]
    assert {"previous_token", "induction", "duplicate_token"} <= set(lit)
