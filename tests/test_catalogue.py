"""The catalogue file: nothing is lost, nothing half-written is left, and damage is named by its path."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

import utils.catalogue.file
from tests.test_catalogue_building import catalogue_of, even_head, ideal_head, random_head
from utils.catalogue.file import CatalogueError, catalogues_as_json, load_catalogues, read_catalogues, save_catalogue
from utils.catalogue.schema import ModelCatalogue
from utils.heads import HeadId
from utils.roles import ROLES

SHIPPED = utils.catalogue.file.CATALOGUE_PATH


@pytest.fixture(scope="module")
def catalogue() -> ModelCatalogue:
    return catalogue_of([[ideal_head("induction"), even_head], [random_head(1), ideal_head("positional")]])


def renamed(catalogue: ModelCatalogue, name: str) -> ModelCatalogue:
    return catalogue.model_copy(update={"model_name": name})


@pytest.fixture
def saved(catalogue, tmp_path) -> Path:
    path = tmp_path / "head_categories.json"
    save_catalogue(path, catalogue)
    return path


def damage(path: Path, *keys: str | int, value: object) -> None:
    """Overwrite one field of the file; the value `...` removes it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    place = content
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def test_what_is_saved_comes_back_to_four_decimals(saved, catalogue):
    loaded = load_catalogues(saved)["made"]
    assert loaded.provenance == catalogue.provenance
    assert loaded.head_roles == catalogue.head_roles
    for role in ROLES:
        assert np.allclose(loaded.usual(role).score, catalogue.usual(role).score, atol=5.1e-5)
        assert [head.id for head in loaded.heads_of(role)] == [head.id for head in catalogue.heads_of(role)]


def test_saving_what_was_loaded_changes_no_byte(saved):
    before = saved.read_bytes()
    save_catalogue(saved, load_catalogues(saved)["made"])
    assert saved.read_bytes() == before


def test_updating_one_model_keeps_the_others(saved, catalogue):
    save_catalogue(saved, renamed(catalogue, "another"))
    save_catalogue(saved, catalogue)
    assert set(load_catalogues(saved)) == {"another", "made"}


def test_analyses_that_write_at_the_same_time_lose_nothing(tmp_path, catalogue):
    path = tmp_path / "head_categories.json"
    names = [f"model-{number}" for number in range(8)]
    threads = [threading.Thread(target=save_catalogue, args=(path, renamed(catalogue, name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load_catalogues(path)) == names


def test_an_interrupted_write_leaves_the_old_file_and_no_rubbish(saved, catalogue, monkeypatch):
    before = saved.read_bytes()

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(utils.catalogue.file.os, "replace", power_cut)
    with pytest.raises(KeyboardInterrupt):
        save_catalogue(saved, renamed(catalogue, "another"))
    assert saved.read_bytes() == before
    assert not list(saved.parent.glob("*.partial")) + list(saved.parent.glob(".*.partial"))


def test_a_missing_file_holds_no_models(tmp_path):
    assert load_catalogues(tmp_path / "none.json") == {} == read_catalogues(tmp_path / "none.json")


def test_the_file_reads_again_only_when_it_has_changed(saved, catalogue):
    first = read_catalogues(saved)
    assert read_catalogues(saved) is first
    save_catalogue(saved, renamed(catalogue, "another"))
    assert set(read_catalogues(saved)) == {"made", "another"}


@pytest.mark.parametrize(
    ("keys", "value", "path"),
    [
        (("num_layers",), "2", "made.num_layers"),
        (("num_layers",), 3, "made.head_roles"),
        (("categories", "induction", "top_heads", 0, "score"), 1.2, "made.categories.induction.top_heads[0].score"),
        (("categories", "induction", "top_heads", 0, "score"), None, "made.categories.induction.top_heads[0].score"),
        (("categories", "induction", "top_heads", 0, "layer"), 7, "made.categories.induction.top_heads[0]"),
        (("categories", "induction", "top_heads", 0, "head"), 1, "made.categories.induction.top_heads[0]"),
        (("categories", "induction"), ..., "made.categories.induction"),
        (("all_scores", "sink"), [[0.1, 0.1], [0.1, 0.1]], "made.all_scores.sink"),
        (("all_scores", "induction", 1, 0), "high", "made.all_scores.induction[1][0]"),
        (("all_scores", "induction", 1), [0.5], "made.all_scores.induction[1]"),
        (("all_excess", "diffuse"), [[0.0]], "made.all_excess.diffuse"),
        (("all_peaks",), {}, "made.all_peaks.diffuse"),
        (("head_roles", 0, 1), ["poet"], "made.head_roles[0][1]"),
        (("provenance", "seed"), ..., "made.provenance.seed"),
        (("provenance", "inputs_hash"), "sha256:x", "made.provenance.inputs_hash"),
        (("provenance", "schema_version"), 4, "made.provenance.schema_version"),
        (("model_name",), "other", "made.model_name"),
        (("surprise",), 1, "made.surprise"),
    ],
)
def test_a_damaged_file_is_refused_with_the_path_of_the_field(saved, keys, value, path):
    damage(saved, "made", *keys, value=value)
    with pytest.raises(CatalogueError) as refusal:
        load_catalogues(saved)
    assert f"damaged: {path}:" in refusal.value.sentence
    assert refusal.value.hint
    assert refusal.value.status == 503


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made": 1}', '{"made": {"num_layers": NaN}}', "\ufeff{}"])
def test_text_that_is_no_catalogue_is_refused(tmp_path, text):
    path = tmp_path / "head_categories.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"head_categories\.json is damaged"):
        load_catalogues(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "head_categories.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogues(path)


def test_a_damaged_file_is_never_overwritten(saved, catalogue):
    damage(saved, "made", "num_heads", value=0)
    before = saved.read_bytes()
    with pytest.raises(CatalogueError):
        save_catalogue(saved, renamed(catalogue, "another"))
    assert saved.read_bytes() == before


def test_roles_are_asked_by_head_main_role_first(catalogue):
    assert catalogue.roles_of(HeadId(0, 0)) == ("induction", "diffuse")
    assert catalogue.roles_of(HeadId(1, 0)) == ()
    with pytest.raises(IndexError, match="no head L2H0"):
        catalogue.roles_of(HeadId(2, 0))


def test_a_head_that_only_rests_has_no_job(catalogue):
    assert catalogue.roles_of(HeadId(1, 1)) == ("positional",)
    assert catalogue.jobs_of(HeadId(1, 1)) == ()
    assert catalogue.jobs_of(HeadId(0, 0)) == ("induction", "diffuse")
    assert catalogue.n_with_job == 2


def test_excess_is_a_matrix_of_layers_and_heads_and_diffuse_has_none(catalogue):
    excess = catalogue.usual("positional").excess
    assert excess.shape == catalogue.shape.as_tuple
    assert excess[1][1] > 0.99
    assert catalogue.usual("diffuse").excess is None


def test_the_file_keeps_a_matrix_row_on_one_line_and_stays_small(catalogue):
    text = catalogues_as_json({"made": catalogue})
    assert len(max(text.splitlines(), key=len)) < 300
    assert len(text) < 10_000
    assert json.loads(text)["made"]["all_scores"]["induction"][0][0] == 1.0


@pytest.mark.skipif(not SHIPPED.exists(), reason="no catalogue has been made yet")
def test_the_catalogue_that_ships_fits_its_schema_and_its_own_text():
    catalogues = load_catalogues(SHIPPED)
    assert catalogues
    assert catalogues_as_json(catalogues) == SHIPPED.read_text(encoding="utf-8")


def test_an_entry_of_an_earlier_version_is_left_out_and_the_others_are_read(saved, catalogue, caplog):
    save_catalogue(saved, renamed(catalogue, "older"))
    damage(saved, "older", "provenance", "schema_version", value=1)
    assert list(load_catalogues(saved)) == ["made"]
    assert "earlier version of Headlight (older)" in caplog.text
    save_catalogue(saved, renamed(catalogue, "newer"))
    assert sorted(load_catalogues(saved)) == ["made", "newer"]


def test_a_file_that_is_nested_too_deeply_is_damaged_and_nothing_worse(tmp_path):
    path = tmp_path / "head_categories.json"
    for text in ("[" * 200_000, '{"a":' * 100_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CatalogueError):
            load_catalogues(path)
