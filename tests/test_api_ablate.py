"""`POST /api/ablate`: its shape, and its refusals."""

from __future__ import annotations

import json

import pytest

from app import create_app
from tests.precision import PROB
from utils.service import Headlight
from utils.settings import Settings

PROMPT = "The cat sat on the mat. The cat sat on the"
QUESTION = {"model": "classroom-gpt2", "prompt": PROMPT, "heads": [[2, 5], [1, 2]], "method": "mean", "position": -1}


@pytest.fixture(scope="module")
def client():
    return create_app(Headlight(Settings())).server.test_client()


def ablate(client, **changes):
    return client.post("/api/ablate", json={**QUESTION, **changes})


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_ablate_answers_in_the_fixed_shape(client, method):
    answer = ablate(client, method=method)
    assert answer.status_code == 200
    body = json.loads(answer.get_data(), parse_constant=lambda name: pytest.fail(f"{name} in the answer"))
    assert {"before", "after", "kl_nats", "controls"} <= set(body)
    assert len(body["before"]) == len(body["after"]) == 10
    for guess in body["before"] + body["after"]:
        assert set(guess) == {"token", "token_id", "prob", "logit"}
    assert [guess["token_id"] for guess in body["before"]] == [guess["token_id"] for guess in body["after"]]
    logits = [guess["logit"] for guess in body["before"]]
    assert logits == sorted(logits, reverse=True)
    assert body["kl_nats"] > 0
    assert len(body["controls"]) == 12
    for draw in body["controls"]:
        assert set(draw) == {"heads", "kl_nats"}
        assert len(draw["heads"]) == 2
        assert not {(2, 5), (1, 2)} & set(map(tuple, draw["heads"]))
        assert {layer for layer, _head in draw["heads"]} <= {1, 2, 3}
    assert body["controls_from"] == [1, 2, 3], "layer 2 alone has too few heads that are no induction heads"


def test_before_is_what_analyze_predicts(client):
    predictions = client.post("/api/analyze", json=QUESTION).get_json()["predictions"]
    before = ablate(client).get_json()["before"]
    assert [guess["token"] for guess in before] == [guess["token"] for guess in predictions]
    assert [guess["prob"] for guess in before] == pytest.approx([guess["prob"] for guess in predictions], abs=PROB)


def test_the_other_text_may_be_the_callers_own(client):
    own = ablate(client, method="resample", other="The dog sat on the rug. The dog sat on the floor").get_json()
    ours = ablate(client, method="resample").get_json()
    assert ablate(client, method="resample", other="").get_json() == ours
    assert own["before"] == ours["before"]
    assert own["kl_nats"] != pytest.approx(ours["kl_nats"], rel=0.01)


def test_a_layer_with_too_few_other_heads_is_compared_with_its_neighbours_too(client):
    body = ablate(client, heads=[[1, head] for head in range(4)]).get_json()
    assert body["controls_from"] == [0, 1, 2]
    assert "other heads from layers 0 to 2" in body["meaning"]


def test_method_and_position_may_be_left_out(client):
    short = {key: QUESTION[key] for key in ("model", "prompt", "heads")}
    assert client.post("/api/ablate", json=short).get_json() == ablate(client).get_json()


def test_the_last_position_has_two_names(client):
    n = len(client.post("/api/analyze", json=QUESTION).get_json()["tokens"])
    assert ablate(client, position=n - 1).get_json() == ablate(client, position=-1).get_json()
    assert ablate(client, position=0).get_json() == ablate(client, position=-n).get_json()
    assert ablate(client, position=0).status_code == 200


def test_a_text_over_the_limit_is_cut_with_a_notice(client):
    answer = ablate(client, prompt="word " * 500).get_json()
    assert "cut at 128 tokens" in answer["notices"][0]["sentence"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heads": []}, "No head"),
        ({"heads": [[layer, head] for layer in range(4) for head in range(8)]}, "all 32 heads"),
        ({"heads": None}, "list of pairs"),
        ({"heads": [1, 4]}, "list of pairs"),
        ({"heads": [[1, 4, 2]]}, "list of pairs"),
        ({"heads": [["1", "4"]]}, "list of pairs"),
        ({"heads": [[1.5, 4]]}, "list of pairs"),
        ({"heads": [[True, 0]]}, "list of pairs"),
        ({"heads": "L1H4"}, "list of pairs"),
        ({"method": "delete"}, "no method"),
        ({"method": 0}, "method must be"),
        ({"position": 15}, "There is no position 15"),
        ({"position": -16}, "There is no position -16"),
        ({"position": 10**40}, "There is no position"),
        ({"position": "last"}, "whole number"),
        ({"position": 1.0}, "whole number"),
        ({"position": True}, "whole number"),
        ({"position": None}, "whole number"),
        ({"other": 3, "method": "resample"}, "other text is not text"),
        ({"other": None, "method": "resample"}, "other text is not text"),
        ({"other": "A dog"}, "only where another text’s values stand in"),
        ({"other": "A dog", "method": "resample"}, "and the first has 14, so 11 are missing"),
        ({"other": PROMPT, "method": "resample"}, "Both texts are the same"),
        ({"prompt": " "}, "Type something"),
        ({"prompt": None}, "prompt is missing"),
    ],
)
def test_a_refusal_is_a_sentence_and_what_to_do(client, changes, words):
    answer = ablate(client, **changes)
    assert answer.status_code == 400
    assert words in answer.get_json()["error"]
    assert answer.get_json()["error"].endswith(".")
    assert answer.get_json()["hint"].endswith(".")


@pytest.mark.parametrize("head", [[4, 0], [0, 8], [-1, 0]])
def test_a_head_that_the_model_does_not_have_is_not_found(client, head):
    answer = ablate(client, heads=[[1, 4], head])
    assert answer.status_code == 404
    assert answer.get_json()["error"].endswith(f"There is no layer {head[0]}, head {head[1]}.".replace("-", "−"))


def test_an_unknown_model_and_a_body_that_is_no_object_are_refused(client):
    assert ablate(client, model="no-such-model").status_code == 404
    assert client.post("/api/ablate", json=[]).status_code == 400
    assert client.post("/api/ablate", data="{", content_type="application/json").status_code == 400


def test_one_token_can_be_asked_about(client):
    answer = ablate(client, prompt="Once", heads=[[0, 3]])
    assert answer.status_code == 200
    assert answer.get_json()["meaning"].endswith(".")


def test_a_target_is_told_beside_the_guesses_and_only_where_it_is_asked_for(client):
    assert "target" not in ablate(client).get_json()
    first = ablate(client).get_json()["before"][0]
    body = ablate(client, target_id=first["token_id"]).get_json()
    target = body.pop("target")
    assert body == ablate(client).get_json()
    assert set(target) == {"token", "token_id", "before", "after", "push", "controls", "is_cause", "meaning"}
    assert (target["token"], target["token_id"]) == (first["token"], first["token_id"])
    assert target["before"]["prob"] == pytest.approx(first["prob"], abs=PROB)
    assert target["after"]["prob"] == pytest.approx(body["after"][0]["prob"], abs=PROB)
    assert [draw["heads"] for draw in target["controls"]] == [draw["heads"] for draw in body["controls"]]


@pytest.mark.parametrize("target_id", ["7", 1.5, True, -1, 4096])
def test_a_target_that_is_no_token_is_refused(client, target_id):
    answer = ablate(client, target_id=target_id)
    assert answer.status_code == 400
    assert "token" in answer.get_json()["error"]
