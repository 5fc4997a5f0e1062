"""What stands in for a head that is off: means over the reference texts, or its values on another text."""

from __future__ import annotations

import logging

import pytest
import torch

from scripts import build_reference_means
from tests.precision import of_size
from tests.tiny_models import N_HEADS, N_LAYERS, readable_tiny_model, save_tiny_model
from utils.catalogue.inputs import read_sentences
from utils.experiments import reference_values
from utils.experiments.experiments import Experiments
from utils.experiments.questions import Method
from utils.experiments.reference_values import (
    load_means,
    mean_values,
    means_path,
    other_text,
    reference_means,
    reference_texts,
    replacement_values,
    save_means,
)
from utils.models.loader import ModelStore, load_model
from utils.pyvene_engine import capture_head_values
from utils.settings import Settings

TEXTS = [[1, 40, 41, 42], [1, 50, 51]]


@pytest.fixture
def settings(tmp_path):
    save_tiny_model(tmp_path / "models" / "tiny")
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)


def test_the_first_position_has_its_own_mean_and_every_later_one_counts_the_same():
    loaded = readable_tiny_model("gpt2")
    long, short = (capture_head_values(loaded, torch.tensor([ids]))[0] for ids in TEXTS)
    means = mean_values(loaded, TEXTS)
    torch.testing.assert_close(means.first, (long[:, :, 0] + short[:, :, 0]) / 2, rtol=0, atol=of_size(long))
    torch.testing.assert_close(
        means.later, (long[:, :, 1:].sum(2) + short[:, :, 1:].sum(2)) / 5, rtol=0, atol=of_size(long)
    )
    at = means.at(4)
    assert at.shape == (N_LAYERS, N_HEADS, 4, 8)
    assert torch.equal(at[:, :, 0], means.first)
    assert torch.equal(at[:, :, 3], means.later)
    assert torch.equal(means.at(1)[:, :, 0], means.first)


def test_the_mean_of_one_text_of_equal_tokens_is_that_text():
    loaded = readable_tiny_model("bloom")  # knows order only by distance, so equal tokens have equal values
    own = capture_head_values(loaded, torch.tensor([[40] * 6]))[0]
    torch.testing.assert_close(mean_values(loaded, [[40] * 6]).at(6), own, rtol=0, atol=of_size(own))


def test_reference_texts_are_the_catalogue_s_sentences_after_the_start_mark():
    loaded = readable_tiny_model("gpt2")
    texts = reference_texts(loaded)
    assert len(texts) == len(read_sentences())
    assert all(ids[0] == 1 and len(ids) <= 64 for ids in texts)
    assert loaded.tokenizer.decode(texts[0][1:]) == read_sentences()[0][: len(loaded.tokenizer.decode(texts[0][1:]))]


def test_another_text_has_one_start_mark_and_any_length():
    for n in (1, 2, 6, 40):
        ids = other_text(TEXTS, 1, n)
        assert len(ids) == n
        assert ids[0] == 1
        assert 1 not in ids[1:]
        assert ids == other_text(TEXTS, 1, 40)[:n]
    assert sorted(other_text([[4, 5], [6]], None, 3)) == [4, 5, 6]


@pytest.mark.parametrize("method", list(Method))
def test_each_method_gives_every_head_a_value_at_every_position(method):
    loaded = readable_tiny_model("llama")
    values = replacement_values(loaded, method, 9, TEXTS)
    if method is Method.ZERO:
        assert values is None
    else:
        assert values.shape == (N_LAYERS, N_HEADS, 9, 8)


def test_the_command_stores_means_that_the_app_then_reads(settings, monkeypatch, capsys):
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda cls: settings))
    assert build_reference_means.main(["--model", "tiny"]) == 0
    assert str(means_path("tiny", settings)) in capsys.readouterr().out
    loaded = load_model("tiny", settings)
    expected = mean_values(loaded, reference_texts(loaded))
    monkeypatch.setattr(reference_values, "mean_values", lambda *_: pytest.fail("computed in spite of the file"))
    stored = reference_means(loaded, settings)
    assert torch.equal(stored.first, expected.first)
    assert torch.equal(stored.later, expected.later)


def test_the_command_refuses_a_model_that_is_not_there(settings, monkeypatch, capsys):
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda cls: settings))
    assert build_reference_means.main(["--model", "no-such-model"]) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_without_a_file_means_are_computed_once_for_all_questions_about_a_model_in_memory(settings, monkeypatch):
    models, calls = ModelStore(settings), []
    monkeypatch.setattr(reference_values, "mean_values", lambda *asked: calls.append(1) or mean_values(*asked))
    lab = Experiments(models, settings, lambda _model: None, lambda *_asked: None)
    for head in ((0, 1), (1, 2)):
        lab.switch_off("tiny", "the cat sat", [head], Method.MEAN)
    assert len(calls) == 1
    models.forget("tiny")  # loaded again: its files may have changed
    lab.switch_off("tiny", "the cat sat", [(0, 1)], Method.MEAN)
    assert len(calls) == 2


def test_means_of_other_weights_or_texts_and_damaged_files_are_not_used(tmp_path, caplog):
    path = tmp_path / "means" / "tiny.safetensors"
    save_means(path, mean_values(readable_tiny_model("gpt2"), TEXTS), "sha256:one", TEXTS)
    assert load_means(path, "sha256:one", TEXTS) is not None
    with caplog.at_level(logging.WARNING):
        assert load_means(path, "sha256:two", TEXTS) is None
        assert load_means(path, "sha256:one", TEXTS[:1]) is None
        path.write_bytes(b"\0" * 50)
        assert load_means(path, "sha256:one", TEXTS) is None
    assert len(caplog.records) == 3
    assert load_means(tmp_path / "none.safetensors", "sha256:one", TEXTS) is None
