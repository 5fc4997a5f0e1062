"""The worked example of docs/method.md is what the app computes, and its tables are those of what ships."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from utils.catalogue.file import load_catalogues
from utils.heads import HeadId
from utils.measures.attention_to import USUAL_SHARE
from utils.measures.figures import excess_over_chance
from utils.measures.holding import HOLD_EXCESS, WEAK_EXCESS
from utils.measures.states import State
from utils.measures.writes import BETTER_THAN_BACKWARDS, MIN_PUSH, MIN_SCORE
from utils.roles import JOBS, ROLES
from utils.service import Headlight
from utils.settings import Settings
from utils.writing.measuring import SOLVED_FROM
from utils.writing.word_tokens import FEWEST_IN_LIST, FEWEST_NAMES, FEWEST_WORDS
from utils.writing.words import CARRIERS, COMMON, LISTS, N_NAME_SENTENCES

METHOD = Path(__file__).resolve().parent.parent / "docs" / "method.md"
PROMPT = "The cat sat on the mat. The cat sat on the"
SMOL, GEMMA = "HuggingFaceTB/SmolLM2-135M-Instruct", "google/gemma-3-270m"
SHIPPED = {  # the rows of the table of what came out: role, model
    "copying, SmolLM2": ("copying", SMOL),
    "copying, Gemma 3": ("copying", GEMMA),
    "copying, classroom-gpt2": ("copying", "classroom-gpt2"),
    "holding back, SmolLM2": ("copy_suppression", SMOL),
    "holding back, Gemma 3": ("copy_suppression", GEMMA),
    "passing on a name, SmolLM2": ("name_mover", SMOL),
    "passing on a name, Gemma 3": ("name_mover", GEMMA),
}


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
    titles = {SMOL: "SmolLM2 135M", GEMMA: "Gemma 3 270M"}
    for name, catalogue in catalogues.items():
        held = ["–" if key in catalogue.untested else catalogue.categories[key].n_heads_holding for key in ROLES]
        full = {head for key in JOBS for head in catalogue.holders_of(key) if not _is_weak(catalogue, key, head)}
        row = [str(number) for number in (*held, catalogue.shape.n_all - len(full))]
        assert f"| {titles.get(name, name)}, {catalogue.shape.n_all} heads | {' | '.join(row)} |" in page
    assert len(catalogues) == 9


class TestWriting:
    @pytest.mark.parametrize(("row", "asked"), SHIPPED.items())
    def test_every_score_that_came_out_is_the_catalogue_s(self, page, row, asked):
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} |")]
        scores = np.array(load_catalogues()[asked[1]].all_scores[asked[0]])
        told = re.findall(r"(L\d+H\d+) (1\.00|\.\d\d)", line.split("|")[3])
        assert len(told) >= 1
        assert [(head, _two(scores[HeadId.parse(head)])) for head, _ in told] == told

    def test_who_holds_back_in_full_and_who_weakly(self, page):
        smol = load_catalogues()[SMOL]
        listed = {(str(entry.id), entry.weak) for entry in smol.heads_of("copy_suppression")}
        assert listed == {("L23H3", False), ("L24H4", False), ("L29H6", True)}
        assert "in full exactly L23H3 .84, L24H4 .80; L29H6 .37 weak" in page
        assert {str(entry.id): entry.weak for entry in smol.heads_of("name_mover")}["L28H1"]

    def test_the_successor_list_by_list_and_that_no_other_model_has_one(self, page):
        catalogues = load_catalogues()
        lists = catalogues[GEMMA].writing.lists
        shown = [_two(lists[name][12][0]) for name in ("days", "months", "ordinals")]
        assert f"| … days, months, ordinals | 1.00, 1.00, 1.00 | {', '.join(shown)} |" in page
        shown = [_two(lists[name][12][0]) for name in ("number words", "digits", "letters")]
        assert f"| … number words, digits, letters | .91, .89, .72 | {', '.join(shown)} |" in page
        assert [name for name, known in catalogues.items() if known.holders_of("successor")] == [GEMMA]
        assert catalogues[GEMMA].holders_of("successor") == (HeadId(12, 0),)

    def test_the_runners_up_of_the_successor_test(self, page):
        catalogues = load_catalogues()
        for name, head, words in (
            (GEMMA, HeadId(11, 2), "the next, L11H2, {} and {} for the item before"),
            (SMOL, HeadId(24, 7), "SmolLM2's best, L24H7, {} and {} for the item before"),
        ):
            scores = np.array(catalogues[name].all_scores["successor"])
            backwards = np.array(catalogues[name].writing.backwards)
            assert words.format(_two(scores[head]), _two(backwards[head])) in page
            assert scores[head] - backwards[head] < BETTER_THAN_BACKWARDS
            assert np.sort(scores.ravel())[-2 if name == GEMMA else -1] == scores[head]
        assert f"has {_two(catalogues[SMOL].all_scores['successor'][23][3])} with it left out" in page

    def test_classroom_models_hold_nothing_back(self, page):
        found = [
            np.max(known.all_scores["copy_suppression"])
            for name, known in load_catalogues().items()
            if name.startswith("classroom")
        ]
        assert max(found) <= 0.0145
        assert "| holding back, classroom models | none, .01 at most | none, .01 at most |" in page

    def test_every_limit_is_the_code_s(self, page):
        assert (HOLD_EXCESS, WEAK_EXCESS, MIN_SCORE, USUAL_SHARE, MIN_PUSH) == (0.4, 0.25, 0.3, 0.5, 0.3)
        assert (BETTER_THAN_BACKWARDS, FEWEST_IN_LIST, FEWEST_NAMES, FEWEST_WORDS) == (0.25, 5, 8, 100)
        assert (SOLVED_FROM, N_NAME_SENTENCES, len(CARRIERS)) == (0.8, 64, 4)
        assert "excess over chance above .4; weakly, as the best head of a layer without a holder, above .25" in page
        assert "at least the larger of .3 and half of its catalogued score" in page
        assert "| 5 items, 100 words, 8 names |" in page
        assert "| 80 % solved |" in page
        assert "mean over 64 sentences" in page

    def test_the_columns_and_what_models_solve(self, page):
        assert f"{len(COMMON)} everyday words" in page
        assert f"the {sum(len(each.items) for each in LISTS)} items" in page
        known = [catalogue for catalogue in load_catalogues().values() if catalogue.writing]
        assert {c.writing.n_columns for c in known if c.model_name in (SMOL, GEMMA)} == {295}
        small = [c.writing for c in known if c.model_name not in (SMOL, GEMMA)]
        assert {each.n_columns for each in small} == {223}
        assert f"classroom models: {min(e.solved for e in small):.0%}"[:-1] in page
        assert f"{max(e.solved for e in small):.0%}".replace("%", " %, which is guessing") in page
        assert {c.writing.solved for c in known if c.model_name in (SMOL, GEMMA)} == {1.0}

    def test_induction_heads_that_copy(self, page):
        counts = []
        for name in ("classroom-gpt2", SMOL, GEMMA):
            known = load_catalogues()[name]
            induction = set(known.holders_of("induction"))
            counts.append((len(induction), len(induction & set(known.holders_of("copying")))))
        assert counts == [(9, 9), (10, 5), (6, 1)]
        assert (
            "All nine induction heads of classroom-gpt2 also copy; of SmolLM2's ten (one of them weak) five do" in page
        )


def _two(score: float) -> str:
    """A score as the page writes it: ".84", "1.00"."""
    return f"{score:.2f}".removeprefix("0")


def _is_weak(catalogue, role, head):
    measure, scores = ROLES[role].measure, catalogue.usual(role)
    return not measure.holds(scores)[head]
