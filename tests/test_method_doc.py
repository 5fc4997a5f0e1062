"""The worked example of docs/method.md is what the app computes."""

import json
from pathlib import Path

import pytest

from utils.catalogue.file import load_catalogues
from utils.heads import HeadId
from utils.measures.figures import excess_over_chance
from utils.measures.states import State
from utils.roles import JOBS, ROLES
from utils.service import Headlight
from utils.settings import Settings

METHOD = Path(__file__).resolve().parent.parent / "docs" / "method.md"
PROMPT = "The cat sat on the mat. The cat sat on the"


@pytest.fixture(scope="module")
def page():
    return METHOD.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def analysis():
    return Headlight(Settings()).analyze("classroom-gpt2", PROMPT)


def test_the_example_s_tokens_are_the_model_s(page, analysis):
    row = "| " + " | ".join(token.label for token in analysis.forward.tokens) + " |"
    assert row in page


def test_every_number_of_the_example_is_on_the_page(page, analysis):
    head = next(h for h in analysis.roles["induction"].heads if h.id == (2, 5))
    evidence = analysis.scored.evidence_of("induction", head.id)
    rows = ROLES["induction"].measure.evidence_rows(analysis.scored.reading.of_head(head.id), evidence)
    catalogued = Headlight(Settings()).catalogue("classroom-gpt2").usual("induction").looking.excess[2, 5]
    numbers = [
        *(row.share for row in rows),
        *(row.look for row in rows),
        sum(row.share for row in rows),
        sum(row.look for row in rows),
        head.looking_score,
        head.looking_chance,
        excess_over_chance(head.looking_score, head.looking_chance),
        head.activation_score,
        head.chance,
        head.excess,
        catalogued,
        catalogued / 2,
        head.usual,
        head.threshold,
    ]
    missing = [number for number in numbers if f"{number:.4f}" not in page]
    assert missing == []
    assert f"{head.luck:.7f}" in page
    assert (head.chances, head.hits, head.state) == (4, 4, State.ACTIVE)


def test_its_neighbours_come_out_as_the_page_says(page, analysis):
    heads = {h.id: h for h in analysis.roles["induction"].heads}
    few, unsure = heads[HeadId(3, 5)], heads[HeadId(2, 3)]
    assert (few.chances, few.hits, few.state) == (3, 3, State.ACTIVE)
    assert (unsure.chances, unsure.hits, unsure.state) == (4, 2, State.CANNOT_TELL)
    assert f"{few.luck:.6f}" in page
    assert f"{unsure.luck:.4f}" in page


def test_the_calibration_that_the_page_quotes_is_the_one_that_is_shipped(page):
    report = json.loads((METHOD.parent / "calibration.json").read_text(encoding="utf-8"))
    rates = [rate for role in report["false_lamps"].values() for kind in role.values() for rate in kind.values()]
    assert max(rates) <= report["limit"]
    assert f"{max(rates):.1%}".replace("%", " %") in page
    needed = {role: by_rest["0"] for role, by_rest in report["tokens_needed"].items()}
    assert needed == {"previous_token": 7, "induction": 8, "duplicate_token": 10, "current_token": 7}
    assert "need 7 tokens before one lights, induction heads 8, duplicate" in page


def test_the_table_of_holders_is_that_of_the_shipped_catalogues(page):
    catalogues = load_catalogues()
    for name, title in (
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2 135M"),
        ("google/gemma-3-270m", "Gemma 3 270M"),
        ("classroom-gpt2", "classroom-gpt2"),
    ):
        catalogue = catalogues[name]
        held = [catalogue.categories[key].n_heads_holding for key in ROLES]
        full = {head for key in JOBS for head in catalogue.holders_of(key) if not _is_weak(catalogue, key, head)}
        row = [str(number) for number in (*held, catalogue.shape.n_all - len(full))]
        assert f"| {title}, {catalogue.shape.n_all} heads | {' | '.join(row)} |" in page


def _is_weak(catalogue, role, head):
    measure, scores = ROLES[role].measure, catalogue.usual(role)
    return not measure.holds(scores)[head]
