"""The addresses for scripts: shapes, refusals, and text that stays text."""

import json

import pytest

from app import create_app
from utils.service import Headlight
from utils.settings import Settings

REPEATED = "The cat sat on the mat. The cat sat on the"
ATTACK = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def client():
    return create_app(Headlight(Settings())).server.test_client()


def analyze(client, prompt, model="classroom-gpt2"):
    return client.post("/api/analyze", json={"model": model, "prompt": prompt})


def test_analyze_answers_in_the_fixed_shape(client):
    answer = analyze(client, REPEATED).get_json()
    assert {"model", "tokens", "token_ids", "categories", "predictions", "notices"} <= set(answer)
    assert len(answer["tokens"]) == len(answer["token_ids"])
    assert list(answer["categories"]) == [
        "previous_token",
        "induction",
        "duplicate_token",
        "current_token",
        "diffuse",
        "positional",
        "copying",
        "copy_suppression",
        "successor",
        "name_mover",
        "other",
    ]
    head_keys = {
        "layer",
        "head",
        "score",
        "activation_score",
        "chance",
        "excess",
        "threshold",
        "usual",
        "is_active",
        "looking_score",
        "looking_chance",
        "look",
        "rests",
        "chances",
        "hits",
        "luck",
        "state",
        "cause",
        "evidence",
    }
    for category in answer["categories"].values():
        assert {"display_name", "status", "is_applicable", "reason", "suggested_prompt", "heads"} <= set(category)
    assert head_keys <= set(answer["categories"]["induction"]["heads"][0])


def test_the_answer_is_standard_json_without_nan(client):
    for prompt in (REPEATED, "One two three", "Hi"):
        text = analyze(client, prompt).get_data(as_text=True)
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the answer"))


def test_an_answer_is_kilobytes(client):
    long_prompt = " ".join(["the old king lost his golden ring"] * 18)
    assert len(analyze(client, long_prompt).get_data()) < 60_000


def test_probabilities_fall_and_stay_below_one(client):
    probs = [prediction["prob"] for prediction in analyze(client, REPEATED).get_json()["predictions"]]
    assert probs == sorted(probs, reverse=True)
    assert sum(probs) <= 1


@pytest.mark.parametrize("prompt", ["a", "Hi", "The cat"])
def test_under_three_tokens_every_role_is_not_applicable(client, prompt):
    answer = analyze(client, prompt)
    assert answer.status_code == 200
    for key, category in answer.get_json()["categories"].items():
        if key != "other":
            assert category["status"] == ("not_testable" if key == "name_mover" else "not_applicable")


def test_a_text_over_the_limit_is_cut_with_a_notice(client):
    answer = analyze(client, "word " * 500).get_json()
    assert len(answer["tokens"]) == Settings().max_tokens
    assert "cut at 128 tokens" in answer["notices"][0]["sentence"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"prompt": "Hello there", "model": "no-such-model"}, 404),
        ({"prompt": ""}, 400),
        ({"prompt": 7}, 400),
        ({}, 400),
        ([], 400),
        ({"prompt": "Hello there", "model": ["gpt2"]}, 400),
    ],
)
def test_a_refusal_is_a_sentence_and_what_to_do(client, body, status):
    answer = client.post("/api/analyze", json=body)
    assert answer.status_code == status
    assert answer.get_json()["error"].endswith(".")
    assert answer.get_json()["hint"]


def test_a_body_that_is_not_json_is_refused_in_words(client):
    answer = client.post("/api/analyze", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.get_json()["error"]


@pytest.mark.parametrize("address", ["/api/analyze", "/api/ablate"])
def test_a_body_nested_too_deeply_to_read_is_refused_in_words(client, address):
    answer = client.post(address, data="[" * 200_000, content_type="application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.get_json()["error"]


def test_a_huge_body_is_refused_in_words(client):
    answer = analyze(client, "x" * 2_000_000)
    assert answer.status_code == 413
    assert answer.get_json()["hint"]


@pytest.mark.parametrize("prompt", [ATTACK, "😀 你好 مرحبا", "a\u0000b c d", "\ud83d lone", "<b>bold</b> & more"])
def test_strange_text_is_answered_and_positions_stay_right(client, prompt):
    answer = client.post(
        "/api/analyze",
        data=json.dumps({"model": "classroom-gpt2", "prompt": prompt}),
        content_type="application/json",
    )
    assert answer.status_code == 200
    body = answer.get_json()
    assert len(body["tokens"]) == len(body["token_ids"])
    assert all(token and "\ufffd" not in token for token in body["tokens"])


def test_heatmap_is_one_page_without_a_foreign_host(client):
    answer = client.get("/heatmap", query_string={"prompt": REPEATED, "layer": 1, "head": 2})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "sandbox allow-scripts" in answer.headers["Content-Security-Policy"]


def test_heatmap_never_holds_a_prompt_as_markup(client):
    page = client.get("/heatmap", query_string={"prompt": ATTACK * 2, "layer": 0, "head": 0}).get_data(as_text=True)
    assert "<img src=x" not in page


@pytest.mark.parametrize("query", [{"layer": 9, "head": 0}, {"layer": "x", "head": 0}, {"layer": 0}, {"head": -1}])
def test_heatmap_of_a_head_that_is_not_there_is_a_sentence(client, query):
    answer = client.get("/heatmap", query_string={"prompt": REPEATED, **query})
    assert 400 <= answer.status_code < 500
    assert "<h1>" in answer.get_data(as_text=True)


def test_an_unknown_model_in_a_link_is_text_on_the_refusal_page(client):
    page = client.get(
        "/heatmap", query_string={"model": "<script>alert(1)</script>", "prompt": "a b c", "layer": 0, "head": 0}
    )
    assert page.status_code == 404
    assert "<script>alert" not in page.get_data(as_text=True)


def test_health_says_that_the_default_model_answers(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "ok"


def test_health_is_503_or_404_with_a_sentence_when_the_default_model_is_missing(tmp_path):
    settings = Settings(default_model="gpt2", offline=True)
    answer = create_app(Headlight(settings)).server.test_client().get("/health")
    assert answer.status_code in (404, 503)
    assert "not on this computer" in answer.get_json()["error"]


def test_an_address_that_is_not_there_is_a_refusal_in_json(client):
    answer = client.get("/api/nope")
    assert answer.status_code == 404
    assert "/api/nope" in answer.get_json()["error"]
    assert client.get("/api/analyze").status_code == 405
    assert client.get("/api/analyze").get_json()["hint"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("address", ["/api/analyze", "/api/circuits", "/api/nope", "/health"])
def test_another_method_is_a_refusal_in_json(client, method, address):
    answer = client.open(address, method=method)
    assert answer.status_code == 405
    assert answer.get_json()["error"] == f"This address does not answer {method}."
    assert answer.get_json()["hint"].endswith(".")
