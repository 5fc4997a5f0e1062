"""What others published stands in the data files as they published it, with its source."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pydantic import ValidationError

from utils.heads import HeadId
from utils.literature import KnownHead, known_for, published_scores, published_source
from utils.literature import known_heads as known_heads_file
from utils.literature import published as published_file
from utils.model_config import MODELS
from utils.roles import ROLES

IOI_CORE = {
    "induction": ["5.5", "6.9"],
    "duplicate token": ["0.1", "3.0"],
    "previous token": ["2.2", "4.11"],
    "name mover": ["9.9", "10.0", "9.6"],
    "negative name mover": ["10.7", "11.10"],
    "S-inhibition": ["7.3", "7.9", "8.6", "8.10"],
}
PUBLISHED_GPT2 = {
    "induction": {"L5H1": 0.931, "L6H9": 0.926, "L5H5": 0.926, "L7H10": 0.904, "L7H2": 0.851},
    "previous_token": {"L4H11": 0.992, "L3H7": 0.529, "L6H8": 0.499, "L2H2": 0.482},
    "duplicate_token": {"L0H5": 0.703, "L3H0": 0.678, "L0H1": 0.132},
}


def all_known(model: str, n_layers: int = 12, n_heads: int = 12) -> list[KnownHead]:
    return [known for index in np.ndindex(n_layers, n_heads) for known in known_for(model, HeadId(*index))]


@pytest.mark.parametrize(("name", "heads"), IOI_CORE.items())
def test_the_core_of_the_ioi_circuit_is_named_as_in_the_paper(name, heads):
    for head in heads:
        known = known_for("gpt2", HeadId.parse(head))[0]
        assert known.name == name
        assert known.source.url == "https://arxiv.org/abs/2211.00593"
        assert known.source.short_name == "IOI paper"


def test_the_ioi_circuit_has_the_26_heads_in_7_classes_that_its_paper_counts():
    known = [entry for entry in all_known("gpt2") if entry.source.short_name == "IOI paper"]
    assert len({entry.head for entry in known}) == len(known) == 26
    assert len({entry.name for entry in known}) == 7


def test_the_heads_that_hold_back_and_the_one_that_goes_on_in_a_list_have_the_names_of_their_papers():
    others = [entry for entry in all_known("gpt2") if entry.source.short_name != "IOI paper"]
    assert [(str(e.head), e.name, e.role, e.source.url) for e in others] == [
        ("L9H1", "successor component", "successor", "https://arxiv.org/abs/2311.04131"),
        ("L10H7", "copy suppression", "copy_suppression", "https://arxiv.org/abs/2310.04625"),
        ("L11H10", "copy suppression", "copy_suppression", "https://arxiv.org/abs/2310.04625"),
    ]
    first, second = known_for("gpt2", HeadId(10, 7))
    assert (first.name, second.name) == ("negative name mover", "copy suppression")


@pytest.mark.parametrize(("head", "role"), [("5.8", "induction"), ("5.9", "induction"), ("0.10", "duplicate_token")])
def test_heads_that_do_their_job_only_in_the_paper_s_sentences_say_so(head, role):
    (known,) = known_for("gpt2", HeadId.parse(head))
    assert known.role == role
    assert "on random tokens its published score is under 0.02" in known.sentence
    assert published_scores("gpt2")[role][known.head] < 0.02


def test_a_name_that_is_one_of_the_roles_says_which_and_any_other_is_none():
    roles = {known.name: known.role for known in all_known("gpt2")}
    assert {name for name, role in roles.items() if role is None} == {"backup name mover", "S-inhibition"}
    assert {name: role for name, role in roles.items() if role is not None and ROLES[role].is_writing} == {
        "name mover": "name_mover",
        "negative name mover": "copy_suppression",
        "copy suppression": "copy_suppression",
        "successor component": "successor",
    }
    looking = {name: ROLES[role] for name, role in roles.items() if role is not None and not ROLES[role].is_writing}
    assert all(role.display_name.lower() == name for name, role in looking.items())


def test_arena_s_toy_model_has_its_published_heads():
    known = {str(entry.head): (entry.name, entry.role) for entry in all_known("attn_only_2L_half", 2)}
    assert known == {
        "L0H3": ("first token", "positional"),
        "L0H7": ("previous token", "previous_token"),
        "L0H9": ("current token", "current_token"),
        "L1H4": ("induction", "induction"),
        "L1H10": ("induction", "induction"),
    }


def test_pythia_s_heads_carry_their_scores_and_that_nobody_verified_them():
    known = all_known("EleutherAI/pythia-160m")
    scores = {str(entry.head): re.findall(r"\d\.\d+", entry.sentence) for entry in known}
    assert scores == {"L4H6": ["0.98"], "L8H2": ["0.94"], "L4H10": ["0.91"], "L5H0": ["0.79"], "L5H6": ["0.75"]}
    assert not any(entry.source.is_verified for entry in known)
    assert all(entry.source.is_verified for entry in all_known("gpt2"))


def test_a_head_or_model_that_nobody_named_has_no_names():
    assert known_for("gpt2", HeadId(11, 11)) == []
    assert known_for("gpt2", HeadId(99, 99)) == []
    assert known_for("no such model", HeadId(0, 0)) == []


@pytest.mark.parametrize(("role", "heads"), PUBLISHED_GPT2.items())
def test_gpt2_s_published_scores_are_the_notebook_s(role, heads):
    matrix = published_scores("gpt2")[role]
    assert matrix.shape == (12, 12)
    for head, score in heads.items():
        assert matrix[HeadId.parse(head)] == pytest.approx(score, abs=6e-4)
    best = [HeadId(*divmod(place, 12)) for place in np.argsort(-matrix.ravel())[:2]]
    assert [str(head) for head in best] == list(heads)[:2]


def test_other_models_have_only_what_was_published_of_them():
    assert {role: matrix.shape for role, matrix in published_scores("distilgpt2").items()} == {"induction": (6, 12)}
    assert published_scores("classroom-gpt2") is None
    assert published_source("classroom-gpt2") is None


def test_published_matrices_name_their_source_and_cannot_be_changed():
    for model in ("gpt2", "distilgpt2"):
        source = published_source(model)
        assert re.search(r"commit [0-9a-f]{8}$", source.title)
        assert "TransformerLens" in source.citation
        assert model in MODELS
        for matrix in published_scores(model).values():
            with pytest.raises(ValueError, match="read-only"):
                matrix[0, 0] = 1


def broken(path, change) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda file: file["models"]["gpt2"]["groups"][0]["heads"].append([12, 0]), "L12H0 is not a head"),
        (lambda file: file["models"]["gpt2"]["groups"][0].update(role="telepathy"), "not a role"),
        (lambda file: file["models"]["gpt2"]["groups"][0].update(source="hearsay"), "hearsay"),
        (lambda file: file["sources"]["ioi"].update(url="javascript:alert(1)"), "url"),
        (lambda file: file["sources"]["ioi"].pop("title"), "title"),
    ],
)
def test_a_damaged_file_of_known_heads_is_refused(change, problem):
    with pytest.raises(ValidationError, match=problem):
        known_heads_file._File.model_validate_json(broken(known_heads_file.PATH, change))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda scores: scores["induction"].pop(), "not all of one shape"),
        (lambda scores: scores["induction"][3].pop(), "not all of one shape"),
        (lambda scores: scores["induction"][3].__setitem__(0, 1.5), "less than or equal to 1"),
        (lambda scores: scores.update(telepathy=scores["induction"]), "unknown roles"),
    ],
)
def test_a_damaged_file_of_published_scores_is_refused(change, problem):
    with pytest.raises(ValidationError, match=problem):
        published_file._File.model_validate_json(
            broken(published_file.PATH, lambda file: change(file["models"]["gpt2"]["scores"]))
        )


def test_the_published_scores_say_that_they_were_not_computed_here():
    origin = json.loads(published_file.PATH.read_text(encoding="utf-8"))["_source"]
    assert "not computed by Headlight" in origin["what"]
    assert origin["licence"] == "MIT"
