"""How fast a model is here: measured once for its weights, never in the way of an answer, kept where it can be."""

from __future__ import annotations

import json
import threading
import time
from unittest.mock import MagicMock

import pytest

from tests.model_folders import change_weights, copy_model
from utils.models import speed
from utils.models.loader import load_model_from
from utils.models.speed import Speed, Speeds
from utils.models.weights import name_weights
from utils.service import Headlight
from utils.settings import Settings

MODEL, MEASURE_LATER = "school-model", Speeds.measure_later  # the shared fixture takes the latter away


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True, default_model=MODEL)
    copy_model(settings.models_dir / MODEL)
    return settings


@pytest.fixture
def folder(settings):
    return settings.models_dir / MODEL


@pytest.fixture
def measuring(monkeypatch):
    """Models are measured, at once; the event is set when one was."""
    measured = threading.Event()
    measure = Speeds._measure
    monkeypatch.setattr(Speeds, "measure_later", MEASURE_LATER)
    monkeypatch.setattr(speed, "QUIET_S", 0.0)
    monkeypatch.setattr(Speeds, "_measure", lambda *arguments: (measure(*arguments), measured.set()))
    return measured


def test_nothing_is_known_before_it_was_measured(settings, folder):
    assert Speeds(settings).of(folder) is None
    assert Speeds(settings).of(settings.models_dir / "nowhere") is None


def test_a_speed_is_kept_for_these_weights_and_no_others(settings, folder):
    Speeds(settings).record(folder, Speed(12.0, 0.3))
    assert Speeds(settings).of(folder) == Speed(12.0, 0.3)
    assert json.loads((settings.data_dir / "speeds.json").read_text()) == {
        name_weights(folder): {"load_s": 12.0, "read_s": 0.3}
    }
    change_weights(folder)
    assert Speeds(settings).of(folder) is None


def test_a_second_model_leaves_the_first_where_it_was(settings, folder):
    other = copy_model(settings.models_dir / "other")
    change_weights(other)
    Speeds(settings).record(folder, Speed(1.0, 0.1))
    Speeds(settings).record(other, Speed(2.0, 0.2))
    assert (Speeds(settings).of(folder), Speeds(settings).of(other)) == (Speed(1.0, 0.1), Speed(2.0, 0.2))


def test_where_nothing_can_be_written_it_is_known_until_the_server_ends(settings, folder, caplog):
    settings.data_dir.write_text("a file where the directory would be")
    speeds = Speeds(settings)
    speeds.record(folder, Speed(1.0, 0.1))
    assert speeds.of(folder) == Speed(1.0, 0.1)
    assert Speeds(settings).of(folder) is None
    assert "is not kept" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "7", '{"a": 3}', '{"a": {"load_s": 1}}', "\x00"])
def test_a_damaged_file_is_as_good_as_none(settings, folder, content):
    settings.data_dir.mkdir()
    (settings.data_dir / "speeds.json").write_text(content)
    assert Speeds(settings).of(folder) is None
    Speeds(settings).record(folder, Speed(1.0, 0.1))
    assert Speeds(settings).of(folder) == Speed(1.0, 0.1)


def test_the_first_question_is_answered_before_the_model_is_measured_and_the_menu_then_knows(
    settings, folder, measuring
):
    service = Headlight(settings)
    service.forward(MODEL, "The cat sat on the mat.")
    assert measuring.wait(20)
    measured = service.speeds.of(folder)
    assert 0 < measured.read_s < 20
    assert 0 < measured.load_s < 20
    assert next(choice for choice in service.models() if choice.name == MODEL).speed == measured


def test_a_model_that_is_loaded_ahead_is_measured_too(settings, folder, measuring):
    service = Headlight(settings)
    service.warm_up().join(20)
    assert measuring.wait(20)
    assert service.speeds.of(folder) is not None


@pytest.mark.parametrize(("now_s", "kept_s"), [(0.05, 0.05), (7.5, 0.1)])
def test_of_several_servers_measures_the_quickest_is_kept(settings, folder, measuring, monkeypatch, now_s, kept_s):
    Speeds(settings).record(folder, Speed(100.0, 0.1))
    monkeypatch.setattr(speed, "reading_time", lambda _loaded: now_s)
    service = Headlight(settings)
    service.forward(MODEL, "The cat sat on the mat.")
    assert measuring.wait(20)
    assert service.speeds.of(folder).read_s == kept_s
    assert service.speeds.of(folder).load_s < 100


def test_one_loading_is_measured_once_however_many_ask(settings, folder, measuring, monkeypatch):
    timer = MagicMock()
    monkeypatch.setattr(speed.threading, "Timer", timer)
    speeds, loaded = Speeds(settings), load_model_from(folder)
    for _ in range(3):
        speeds.measure_later(loaded, 1.0)
    assert timer.call_count == 1


def test_while_the_model_answers_somebody_it_is_not_measured(settings, folder, measuring, monkeypatch):
    monkeypatch.setattr(speed, "QUIET_S", 0.05)
    speeds, loaded = Speeds(settings), load_model_from(folder)
    with loaded.lock:
        speeds.measure_later(loaded, 1.0)
        assert measuring.wait(20)
        assert speeds.of(folder) is None
    deadline = time.monotonic() + 20
    while speeds.of(folder) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert speeds.of(folder).read_s < 5


def test_a_model_that_cannot_be_measured_hurts_nobody(settings, folder, measuring, monkeypatch, caplog):
    monkeypatch.setattr(speed, "reading_time", lambda _loaded: 1 / 0)
    service = Headlight(settings)
    service.forward(MODEL, "The cat sat on the mat.")
    assert measuring.wait(20)
    assert service.speeds.of(folder) is None
    assert "could not be measured" in caplog.text
