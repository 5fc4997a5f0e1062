"""`GET /api/circuits`, `GET /api/composition` and `GET /api/readers`: their shape, and their refusals."""

from __future__ import annotations

import json

import pytest

from app import create_app
from tests.tiny_models import TINY_CONFIGS, save_tiny_model
from utils.circuits import circuits as laboratory
from utils.circuits.copying import TIED
from utils.service import Headlight
from utils.settings import Settings

HEAD_KEYS = {
    "model",
    "layer",
    "head",
    "ov_copying_score",
    "ov_copying_score_through_embedding",
    "qk_singular_values",
    "ov_singular_values",
    "qk_effective_rank",
    "ov_effective_rank",
    "positional_kernel",
    "notes",
}


@pytest.fixture(scope="module")
def client():
    return create_app(Headlight(Settings(offline=True))).server.test_client()


@pytest.fixture
def without_gpt2(monkeypatch):
    here = laboratory.local_model_dir
    monkeypatch.setattr(laboratory, "local_model_dir", lambda name, s: None if name == "gpt2" else here(name, s))


def ask(client, address: str):
    """The answer, which must be JSON without NaN."""
    answer = client.get(address)
    return answer, json.loads(answer.get_data(), parse_constant=lambda name: pytest.fail(f"{name} in the answer"))


def test_circuits_answer_in_the_fixed_shape(client):
    answer, body = ask(client, "/api/circuits?model=classroom-gpt2&layer=2&head=5")
    assert answer.status_code == 200
    assert set(body) == HEAD_KEYS
    assert (body["model"], body["layer"], body["head"]) == ("classroom-gpt2", 2, 5)
    assert -1 <= body["ov_copying_score"] <= 1
    assert -1 <= body["ov_copying_score_through_embedding"] <= 1
    assert len(body["qk_singular_values"]) == len(body["ov_singular_values"]) == 32
    assert 1 <= body["qk_effective_rank"] <= 32
    assert len(body["positional_kernel"]) == 64
    assert all(note.endswith(".") for note in body["notes"])
    assert body["notes"][2:] == [TIED]


def test_a_rotary_model_has_no_kernel(client):
    _, body = ask(client, "/api/circuits?model=classroom-neox&layer=1&head=5")
    assert body["positional_kernel"] is None
    assert "relative offset of 0" in body["notes"][1]


def test_only_where_one_table_embeds_and_unembeds_a_score_through_it_is_said_to_be_no_job(client):
    _, tied = ask(client, "/api/circuits?model=classroom-neox&layer=1&head=5")
    _, apart = ask(client, "/api/circuits?model=classroom-attn-2l&layer=1&head=4")
    assert tied["notes"][-1] == TIED
    assert apart["ov_copying_score_through_embedding"] is not None
    assert TIED not in apart["notes"]


@pytest.mark.parametrize("kind", ["Q", "K", "V"])
def test_composition_answers_a_matrix_with_null_where_no_head_is_earlier(client, kind):
    answer, body = ask(client, f"/api/composition?model=classroom-gpt2&kind={kind}")
    assert answer.status_code == 200
    assert (body["model"], body["kind"], body["n_layers"], body["n_heads"]) == ("classroom-gpt2", kind, 4, 8)
    for matrix in (body["scores"], body["breadth"]):
        assert len(matrix) == 32
        for writer, row in enumerate(matrix):
            assert len(row) == 32
            for reader, value in enumerate(row):
                assert (value is not None) == (writer // 8 < reader // 8)
    assert all(0 < value < 1 for row in body["scores"] for value in row if value is not None)
    assert body["baseline"] == pytest.approx(1 / 16, rel=0.01)
    assert 0 < body["baseline_spread"] < 0.01
    assert body["broad_from"] == 8


def test_kinds_differ_and_the_model_may_be_left_out(client):
    q, k = (ask(client, f"/api/composition?kind={kind}")[1] for kind in "QK")
    assert q["model"] == k["model"] == "classroom-gpt2"
    assert q["scores"][0][31] != k["scores"][0][31]


def test_gpt2_answers_from_what_comes_with_headlight(client, without_gpt2):
    answer, body = ask(client, "/api/circuits?model=gpt2&layer=4&head=11")
    assert answer.status_code == 200
    assert set(body) == HEAD_KEYS
    assert len(body["qk_singular_values"]) == 64
    assert body["ov_copying_score_through_embedding"] is None
    answer, body = ask(client, "/api/composition?model=gpt2&kind=K")
    assert answer.status_code == 200
    assert body["scores"][4 * 12 + 11][6 * 12 + 9] == pytest.approx(0.103, abs=1e-3)
    assert body["scores"][6 * 12 + 9][4 * 12 + 11] is None
    assert body["baseline"] == pytest.approx(0.0361, abs=1e-4)


def test_readers_answer_who_writes_what_a_head_goes_by(client):
    answer, body = ask(client, "/api/readers?model=classroom-gpt2&layer=2&head=5")
    assert answer.status_code == 200
    fixed = ("margin", "writers", "embedding", "mlps", "other", "sentence")
    assert list(body) == ["model", "layer", "head", "role", *fixed]
    assert (body["model"], body["layer"], body["head"], body["role"]) == ("classroom-gpt2", 2, 5, "induction")
    first, writers = body["writers"][0], body["writers"]
    assert list(first) == ["layer", "head", "logits", "share", "weight_score", "breadth"]
    assert (first["layer"], first["head"]) == (0, 3)
    assert len(writers) == len({(part["layer"], part["head"]) for part in writers}) == 16
    assert [part["logits"] for part in writers] == sorted((part["logits"] for part in writers), reverse=True)
    parts = [body["embedding"], body["mlps"], body["other"], *(part["logits"] for part in writers)]
    assert sum(parts) == pytest.approx(body["margin"], abs=1e-3)
    assert first["share"] == pytest.approx(first["logits"] / body["margin"])
    _, weights = ask(client, "/api/composition?model=classroom-gpt2&kind=K")
    assert first["weight_score"] == weights["scores"][3][2 * 8 + 5]
    assert first["breadth"] == weights["breadth"][3][2 * 8 + 5]
    assert body["sentence"].startswith("L2H5’s preference comes mostly through MLPs: ")
    assert "Of the heads, L0H3 writes most: " in body["sentence"]


def test_a_model_whose_heads_nobody_measured_is_told_what_to_do(tmp_path):
    save_tiny_model(tmp_path / "unmeasured")
    client = create_app(Headlight(Settings(offline=True, models_dir=tmp_path))).server.test_client()
    answer, body = ask(client, "/api/readers?model=unmeasured&layer=1&head=0")
    assert answer.status_code == 409
    assert body["error"] == "Nobody has measured yet which jobs this model's heads have."
    assert body["hint"] == "Analyze the model, under Models."


def test_a_model_of_one_layer_answers_with_nothing_but_null(tmp_path, monkeypatch):
    monkeypatch.setitem(TINY_CONFIGS["gpt2"], "n_layer", 1)
    save_tiny_model(tmp_path / "one-layer")
    client = create_app(Headlight(Settings(offline=True, models_dir=tmp_path))).server.test_client()
    answer, body = ask(client, "/api/composition?model=one-layer&kind=K")
    assert answer.status_code == 200
    assert body["n_layers"] == 1
    assert body["scores"] == [[None] * 4] * 4
    assert body["baseline"] > 0


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/api/circuits?model=classroom-gpt2&layer=4&head=0", 404, "layers 0 to 3, each with heads 0 to 7"),
        ("/api/circuits?model=classroom-gpt2&layer=0&head=8", 404, "layers 0 to 3, each with heads 0 to 7"),
        ("/api/circuits?model=gpt2&layer=12&head=0", 404, "layers 0 to 11, each with heads 0 to 11"),
        ("/api/circuits?model=classroom-gpt2&layer=0", 400, "names no head"),
        ("/api/circuits?model=classroom-gpt2&head=0", 400, "names no layer"),
        ("/api/circuits?model=classroom-gpt2&layer=-1&head=0", 400, "'-1' as its layer"),
        ("/api/circuits?model=classroom-gpt2&layer=1.0&head=0", 400, "'1.0' as its layer"),
        ("/api/circuits?model=no-such-model&layer=0&head=0", 404, "does not know a model"),
        ("/api/circuits?model=../secret&layer=0&head=0", 404, "does not know a model"),
        ("/api/readers?model=classroom-gpt2&layer=0&head=3", 409, "(induction or duplicate token)"),
        ("/api/readers?model=classroom-gpt2&layer=4&head=0", 404, "layers 0 to 3, each with heads 0 to 7"),
        ("/api/readers?model=classroom-gpt2&layer=0&head=8", 404, "layers 0 to 3, each with heads 0 to 7"),
        ("/api/readers?model=classroom-gpt2&layer=2", 400, "names no head"),
        ("/api/readers?model=classroom-gpt2&layer=x&head=0", 400, "'x' as its layer"),
        ("/api/readers?model=no-such-model&layer=0&head=0", 404, "does not know a model"),
        ("/api/readers?model=gpt2&layer=5&head=5", 503, "not on this computer"),
        ("/api/composition?model=classroom-gpt2", 400, "names no kind"),
        ("/api/composition?model=classroom-gpt2&kind=", 400, 'kind ""'),
        ("/api/composition?model=classroom-gpt2&kind=O", 400, 'kind "O"'),
        ("/api/composition?model=classroom-gpt2&kind=q", 400, 'kind "q"'),
        ("/api/composition?model=no-such-model&kind=K", 404, "does not know a model"),
    ],
)
def test_a_refusal_is_a_sentence_and_what_to_do(client, without_gpt2, address, status, words):
    answer, body = ask(client, address)
    assert answer.status_code == status
    assert words in body["error"]
    assert body["error"].endswith(".")
    assert body["hint"].endswith(".")


@pytest.mark.parametrize("address", ["/api/circuits", "/api/composition", "/api/readers"])
def test_the_addresses_answer_get_only(client, address):
    answer = client.post(address, json={"model": "classroom-gpt2"})
    assert answer.status_code == 405
    assert answer.get_json()["error"] == "This address answers GET only."
