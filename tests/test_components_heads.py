"""Claims about all heads (levels, table, map, CSV, what is happening now), the page of one head, and Learn."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from dash._utils import to_json

from components import csv_download, head_map, right_now
from components.address import Question
from components.all_heads import all_heads_page, heads_csv, heads_table
from components.all_heads.all_heads_view import Sort, heads_view, lead, title
from components.head import head_evidence, head_page, pattern_grid
from components.head.head_view import head_view
from components.job_words import jobs_sentence
from components.lamp import css_name
from components.learn import learn_page, learn_strip
from tests.fake_service import JOBS, MISSING_MODEL, MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.precision import MEAN_WEIGHT
from utils.analysis import analyze
from utils.errors import UserError
from utils.heads import HeadId
from utils.levels import head_levels
from utils.measures.attention_to import AttentionTo
from utils.roles import OTHER, ROLES
from utils.summary import StandingOut
from utils.tokens import Token

HOSTILE = "<b>bold</b> [a](http://b) & <img src=x> again <b>bold</b> [a](http://b) & <img src=x>"
INDUCTION_HEAD = HeadId(2, 3)
NO_JOB_HEAD = HeadId(2, 2)


def search_for(prompt: str = REPEATING, model: str = MODEL, **others: object) -> str:
    return "?" + urlencode({"model": model, "prompt": prompt, **others})


def head_search(head: HeadId, **others: object) -> str:
    return search_for(layer=head.layer, head=head.head, **others)


def nodes(component) -> list[dict]:
    """All components of a layout as plain JSON, outermost first."""
    found: list[dict] = []

    def walk(value) -> None:
        if isinstance(value, dict) and "props" in value and "type" in value:
            found.append(value)
            walk(value["props"].get("tree"))
            walk(value["props"].get("children"))
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(json.loads(to_json(component)))
    return found


def text_of(component) -> str:
    """All words of a layout, those for screen readers too."""
    words: list[str] = []

    def walk(value) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            walk(value.get("props", {}).get("tree"))
            walk(value.get("props", {}).get("children"))
        elif value is not None:
            words.append(str(value))

    walk(json.loads(to_json(component)))
    return " ".join(words)


def with_class(component, name: str) -> list[dict]:
    return [node for node in nodes(component) if name in str(node["props"].get("className", "")).split()]


@pytest.fixture
def analysis(service):
    return service.analyze(MODEL, REPEATING)


@pytest.fixture
def catalogue(service):
    return service.catalogue(MODEL)


def view_of(service, prompt: str = REPEATING, model: str = MODEL, **others):
    return heads_view(service, Question(model, prompt), **others)


def head_view_of(service, head: HeadId = INDUCTION_HEAD, prompt: str = REPEATING, **others):
    return head_view(
        service, Question(MODEL, prompt), "?" + urlencode({"layer": head.layer, "head": head.head, **others})
    )


class TestLevels:
    def test_every_head_has_figures_for_every_role(self, analysis, catalogue):
        levels = head_levels(analysis, catalogue)
        assert [entry.id for entry in levels] == [HeadId(layer, head) for layer in range(4) for head in range(8)]
        assert all(set(entry.levels) == set(ROLES) for entry in levels)
        tested = {role for role in ROLES if role not in catalogue.untested}
        assert tested == {role for role in ROLES if not ROLES[role].is_writing}
        assert all(
            (level.score is not None) == (role in tested) for entry in levels for role, level in entry.levels.items()
        )

    def test_cards_and_levels_agree(self, analysis, catalogue):
        by_id = {entry.id: entry for entry in head_levels(analysis, catalogue)}
        for role in ROLES:
            for card in analysis.roles[role].heads:
                level = by_id[card.id].levels[role]
                assert level.is_job
                assert level.score == pytest.approx(card.bar_score)
                assert level.plain_score == pytest.approx(card.activation_score)
                assert level.look == pytest.approx(card.look)
                assert level.threshold == pytest.approx(card.threshold)
                assert level.usual == pytest.approx(card.usual)
                assert level.is_active == card.is_active

    def test_without_a_catalogue_there_are_live_scores_and_no_jobs(self, analysis):
        levels = head_levels(analyze(analysis.forward, None), None)
        assert len(levels) == 32
        assert all(not entry.jobs and entry.main_job == OTHER for entry in levels)
        assert all(level.usual is None and level.status is None for entry in levels for level in entry.levels.values())
        looking = analysis.live["induction"].looking
        assert levels[19].levels["induction"].score == pytest.approx(looking.score[INDUCTION_HEAD])

    def test_without_a_text_there_are_usual_levels_and_no_states(self, catalogue):
        levels = head_levels(None, catalogue)
        assert {entry.id for entry in levels if entry.jobs} == set(JOBS)
        assert all(entry.status is None for entry in levels)
        assert all(level.score is None for entry in levels for level in entry.levels.values())
        assert all(entry.levels["induction"].usual is not None for entry in levels)

    def test_a_repetition_job_cannot_show_where_nothing_repeats(self, service, catalogue):
        by_id = {entry.id: entry for entry in head_levels(service.analyze(MODEL, PLAIN), catalogue)}
        assert by_id[INDUCTION_HEAD].status == "not_applicable"
        assert by_id[INDUCTION_HEAD].levels["induction"].score is None

    def test_a_text_of_two_tokens_judges_nothing(self, service, catalogue):
        levels = head_levels(service.analyze(MODEL, "Hello there"), catalogue)
        assert all(entry.status in (None, "not_applicable") for entry in levels)

    def test_jobs_are_told_main_one_first(self):
        assert jobs_sentence(("induction", "previous_token")) == "Mainly induction, also previous token."
        assert jobs_sentence(("diffuse",)) == "Diffuse."
        assert jobs_sentence(("previous_token", "induction", "duplicate_token")) == (
            "Mainly previous token, also induction and duplicate token."
        )
        assert jobs_sentence(("induction", "positional")) == "Induction. Where it finds nothing to do, it rests."
        assert jobs_sentence(("positional",)) == "It mostly rests. None of the nine jobs fits this head."
        assert jobs_sentence(()) == "None of the nine jobs fits this head."


class TestMap:
    def test_a_cell_is_read_out_with_job_state_and_score(self, analysis, catalogue):
        entry = head_levels(analysis, catalogue)[19]
        score = analysis.live["induction"].looking.score[INDUCTION_HEAD]
        assert head_map.cell_label(entry) == f"L2H3, induction, active, score {score:.2f}"

    @pytest.mark.parametrize(
        ("status", "rests", "said"),
        [
            ("here_and_there", True, "L2H3, induction, here and there, score 0.41, also rests"),
            ("cannot_tell", False, "L2H3, induction, cannot tell, score 0.41"),
            ("not_seen", True, "L2H3, induction, not seen, score 0.41, also rests"),
            ("not_applicable", False, "L2H3, induction, cannot show on this text, score 0.41"),
        ],
    )
    def test_a_cell_says_its_state_in_words_and_by_its_shape(self, analysis, catalogue, status, rests, said):
        levels = head_levels(analysis, catalogue)
        level = replace(levels[19].levels["induction"], status=status, score=0.41)
        levels[19] = replace(levels[19], rests=rests, levels={**levels[19].levels, "induction": level})
        assert head_map.cell_label(levels[19]) == said
        drawn = head_map.map_of(levels, MODEL, REPEATING)
        assert f"head-cell--{css_name(status)}" in with_class(drawn, "head-cell")[19]["props"]["className"]

    @pytest.mark.parametrize(
        ("jobs", "rests", "said", "shape"),
        [
            ((), True, "L2H3, rests", "rests"),
            (("positional",), True, "L2H3, rests", "rests"),
            (("positional",), False, "L2H3, none of the nine jobs", "none"),
            ((), False, "L2H3, none of the nine jobs", "none"),
        ],
    )
    def test_a_quiet_cell_says_whether_it_rests(self, analysis, catalogue, jobs, rests, said, shape):
        levels = head_levels(analysis, catalogue)
        levels[19] = replace(levels[19], jobs=jobs, rests=rests)
        assert head_map.cell_label(levels[19]) == said
        drawn = head_map.map_of(levels, MODEL, REPEATING)
        assert f"head-cell--{shape}" in with_class(drawn, "head-cell")[19]["props"]["className"]

    def test_the_legend_names_what_is_there(self, service, catalogue):
        repeating, plain = (
            text_of(head_map.legend(head_levels(service.analyze(MODEL, text), catalogue)))
            for text in (REPEATING, PLAIN)
        )
        assert all(name in repeating for name in ("here and there", "cannot tell", "not seen", "rests", "nine jobs"))
        assert "cannot show here" not in repeating
        assert "cannot show here" in plain

    def test_a_head_with_two_jobs_says_which_is_the_main_one(self, analysis, catalogue):
        entry = head_levels(analysis, catalogue)[22]
        assert entry.jobs[:2] == ("induction", "previous_token")
        assert head_map.cell_label(entry).startswith("L2H6, mainly induction, ")
        assert head_map.cell_label(entry, "previous_token").startswith("L2H6, also previous token, ")

    def test_there_is_one_cell_for_each_head_and_each_is_a_link(self, analysis, catalogue):
        cells = with_class(head_map.layout(analysis, catalogue), "head-cell")
        links = with_class(head_map.layout(analysis, catalogue), "head-cell-link")
        assert len(cells) == len(links) == 32
        address = parse_qs(urlsplit(links[19]["props"]["href"]).query)
        assert (address["layer"], address["head"], address["prompt"]) == (["2"], ["3"], [REPEATING])

    def test_shapes_say_the_state_without_colour(self, service, catalogue):
        active = head_map.layout(service.analyze(MODEL, REPEATING), catalogue)
        dashed = head_map.layout(service.analyze(MODEL, PLAIN), catalogue)
        assert "head-cell--active" in with_class(active, "head-cell")[19]["props"]["className"]
        assert "head-cell--not-applicable" in with_class(dashed, "head-cell")[19]["props"]["className"]
        assert "head-cell--none" in with_class(active, "head-cell")[18]["props"]["className"]

    def test_a_role_dims_all_heads_that_do_not_have_it(self, analysis, catalogue):
        cells = with_class(head_map.layout(analysis, catalogue, "induction"), "head-cell")
        lit = {cell["props"]["data-head"] for cell in cells if "is-dimmed" not in cell["props"]["className"]}
        assert lit == {"L2H3", "L2H6", "L3H1"}

    def test_a_second_job_gets_a_small_sign(self, analysis, catalogue):
        cells = with_class(head_map.layout(analysis, catalogue), "head-cell")
        assert len(with_class(head_map.layout(analysis, catalogue), "head-cell-second")) == sum(
            len(set(jobs) - {"positional"}) > 1 for row in catalogue.head_roles for jobs in row
        )
        assert "sign-arrow-left" in json.dumps(cells[22])


class TestTable:
    def test_the_title_counts_heads_with_a_job_and_those_that_do_it(self, service):
        assert title(view_of(service)) == "9 of 32 heads have a job we can name. 9 do it on your text."
        assert "4 of the 32 mostly rest on your text. Press a row" in lead(view_of(service))

    def test_no_head_at_all_is_singular(self, service):
        assert title(view_of(service, prompt="Hi")).endswith("None does it on your text.")

    def test_without_a_text_the_title_promises_nothing_about_it(self, service):
        view = view_of(service, prompt="")
        assert title(view) == "9 of 32 heads have a job we can name."
        assert view.refusal is not None

    def test_a_model_without_a_catalogue_says_so(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = view_of(service)
        assert title(view) == "All 32 heads on your text. Their jobs are not known yet."
        assert "were not analysed" in lead(view)
        assert len(with_class(heads_table.layout(view), "heads-row")) == 32

    def test_neither_text_nor_catalogue_is_a_refusal(self, service):
        with pytest.raises(UserError, match="not on this computer"):
            view_of(service, model=MISSING_MODEL)

    def test_sorting_by_a_job_puts_the_highest_score_first(self, service, analysis):
        rows = view_of(service, sort="induction").rows
        scores = [entry.levels["induction"].score for entry in rows]
        assert scores == sorted(scores, reverse=True)
        assert rows[0].id == HeadId(*np.unravel_index(analysis.live["induction"].looking.score.argmax(), (4, 8)))

    def test_heads_without_a_figure_come_last_in_both_directions(self, service):
        for sort in ("induction", "induction.up"):
            view = view_of(service, sort=sort)
            unknown = replace(view.levels[5].levels["induction"], score=None, usual=None)
            view.levels[5].levels["induction"] = unknown
            assert view.filtered[-1].id == view.levels[5].id

    @pytest.mark.parametrize(
        ("text", "sort"),
        [
            (None, Sort("head", True)),
            ("induction", Sort("induction", False)),
            ("induction.up", Sort("induction", True)),
            ("head.down", Sort("head", False)),
            ("nonsense", Sort("head", True)),
            ("induction.sideways", Sort("induction", False)),
        ],
    )
    def test_a_sort_in_the_address_means_one_order(self, text, sort):
        assert Sort.parse(text) == sort
        assert Sort.parse(str(sort)) == sort

    def test_a_press_sorts_down_then_up_and_names_up_then_down(self):
        assert Sort().pressed("induction") == Sort("induction", False)
        assert Sort("induction", False).pressed("induction") == Sort("induction", True)
        assert Sort("induction", True).pressed("head") == Sort("head", True)

    def test_the_sorted_column_is_announced(self, service):
        table = heads_table.layout(view_of(service, sort="induction"))
        states = [node["props"].get("aria-sort") for node in nodes(table) if node["type"] == "Th"]
        assert states.count("descending") == 1
        assert states.count("none") == 9

    def test_a_cell_reads_score_usual_level_and_state(self, service):
        entry = view_of(service).levels[19]
        level = entry.levels["induction"]
        assert (
            heads_table.cell_text(level)
            == f"induction {level.score:.2f}, usual {level.usual:.2f}, active, looks {round(100 * level.look)} %"
        )
        assert heads_table.cell_text(entry.levels["diffuse"]).endswith("not a job of this head")

    def test_a_filter_keeps_heads_with_the_job_also_as_their_second(self, service):
        view = view_of(service, role="previous_token")
        assert {str(entry.id) for entry in view.filtered} == {"L0H6", "L1H4", "L2H6"}
        assert view.count("previous_token") == 3
        assert view.count(OTHER) == 23

    def test_a_job_that_no_head_has_offers_the_way_back(self, service):
        page = all_heads_page.layout(service, Question(MODEL, REPEATING), search_for(role="current_token"))
        assert "No head of this model does this job." in text_of(page)
        assert "Show all 32" in text_of(page)

    def test_fifty_rows_at_a_time(self, service):
        view = view_of(service)
        many = type(view)(**{**view.__dict__, "levels": view.levels * 3})
        assert len(many.rows) == 50
        assert len(type(view)(**{**many.__dict__, "shows_all": True}).rows) == 96

    def test_a_page_of_thirty_two_heads_stays_below_a_quarter_megabyte(self, service):
        page = all_heads_page.layout(service, Question(MODEL, REPEATING), search_for())
        assert len(to_json(page)) < 250_000


class TestPressesOnAllHeads:
    @pytest.mark.parametrize(
        ("pressed", "before", "after"),
        [
            ({"type": "heads-sort", "column": "induction"}, "?prompt=a", "?prompt=a&sort=induction"),
            ({"type": "heads-sort", "column": "induction"}, "?sort=induction", "?sort=induction.up"),
            ({"type": "heads-filter", "role": "diffuse"}, "?prompt=a+b", "?prompt=a+b&role=diffuse"),
            ({"type": "heads-filter", "role": "diffuse"}, "?role=diffuse", "?"),
            ({"type": "heads-filter", "role": "all"}, "?role=diffuse&tab=map", "?tab=map"),
            ({"type": "heads-rows", "rows": "all"}, "?sort=main", "?sort=main&rows=all"),
        ],
    )
    def test_a_press_changes_only_its_own_part_of_the_address(self, pressed, before, after):
        assert all_heads_page.pressed_search(pressed, 1, before) == after

    def test_a_tab_that_is_shown_already_changes_nothing(self):
        assert all_heads_page.pressed_search("heads-tab", "table", "?prompt=") == "?prompt="
        assert all_heads_page.pressed_search("heads-tab", "map", "?prompt=") == "?prompt=&tab=map"

    def test_a_button_that_has_only_appeared_changes_nothing(self):
        assert (
            all_heads_page.pressed_search({"type": "heads-filter", "role": "diffuse"}, None, "?prompt=a") == "?prompt=a"
        )

    @pytest.mark.parametrize("text", ["L2H3", "l2h3", " 2.3 "])
    def test_the_search_box_leads_to_a_head(self, service, text):
        href, answer = all_heads_page.found_head(view_of(service), text)
        assert "layer=2&head=3" in href
        assert answer == ""

    def test_the_search_box_names_the_range_of_the_model(self, service):
        assert (
            all_heads_page.found_head(view_of(service), "L9H1")[1]
            == "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 9, head 1."
        )
        assert "Write a head as" in all_heads_page.found_head(view_of(service), "induction")[1]


class TestCsv:
    def test_it_holds_every_head_and_every_role_with_the_scores_of_the_page(self, analysis, catalogue):
        lines = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(head_levels(analysis, catalogue)))))
        assert {(line["name"], line["role"]) for line in lines} == {
            (f"L{layer}H{head}", role) for layer in range(4) for head in range(8) for role in ROLES
        }
        found = next(line for line in lines if line["name"] == "L2H3" and line["role"] == "induction")
        live = analysis.live["induction"]
        assert float(found["score_when_it_looks"]) == pytest.approx(live.looking.score[INDUCTION_HEAD], abs=1e-4)
        assert float(found["plain_score"]) == pytest.approx(live.score[INDUCTION_HEAD], abs=1e-4)
        assert float(found["look"]) == pytest.approx(live.looking.look[INDUCTION_HEAD], abs=1e-4)
        assert float(found["chance"]) == pytest.approx(live.looking.chance[INDUCTION_HEAD], abs=1e-4)
        assert (found["is_job"], found["is_main_job"], found["status"]) == ("1", "1", "active")

    def test_what_is_unknown_stays_empty(self, catalogue):
        lines = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(head_levels(None, catalogue)))))
        unknown = ("score_when_it_looks", "threshold", "chance")
        assert all(line[name] == "" for line in lines for name in unknown)
        tested = [line for line in lines if line["role"] not in catalogue.untested]
        assert len(tested) == 32 * 6
        assert all(line["usual"] and line["plain_score"] for line in tested)

    def test_a_model_name_makes_a_plain_file_name(self):
        assert (
            csv_download.file_name("EleutherAI/../pythia 70m", "heads")
            == "headlight-EleutherAI-..-pythia-70m-heads.csv"
        )


class TestRightNow:
    def test_it_says_what_heads_do_and_whether_they_are_known_for_it(self, analysis):
        words = text_of(right_now.layout(analysis))
        assert "looks at what followed an earlier copy" in words
        assert "rests" not in words
        assert "Known for this job." in words
        assert "with 90 % of its attention" in words

    def test_a_head_that_is_not_catalogued_is_told_apart(self):
        entry = StandingOut(HeadId(0, 1), "induction", score=0.5, excess=0.4, is_catalogued=False)
        assert right_now.strong_note(entry, 1) == "Induction, score 0.50 over 1 place. Not known for this job."

    def test_a_fixed_look_back_is_not_said_to_look_for_copies(self, analysis):
        entry = StandingOut(HeadId(2, 3), "induction", 0.9, 0.9, is_catalogued=False, looks_back=7)
        words = text_of(right_now.layout(replace(analysis, right_now=(entry,))))
        assert (
            "L2H3  looks 7 tokens back wherever it stands, and on a text said twice that looks like induction." in words
        )
        assert "followed an earlier copy" not in words
        assert right_now.looks_back_sentence(replace(entry, looks_back=1)).startswith(" looks 1 token back")

    def test_a_short_text_has_nothing_that_stands_out(self, service):
        assert right_now.NOTHING in text_of(right_now.layout(service.analyze(MODEL, "Hi there")))


class TestEvidence:
    @pytest.mark.parametrize("role", [role for role in ROLES if not ROLES[role].is_writing])
    def test_the_average_of_the_rows_is_the_plain_score(self, service, role):
        view = head_view_of(service, role=role)
        rows, level = head_evidence.evidence_rows(view), view.levels.levels[role]
        assert np.mean([row.share for row in rows]) == pytest.approx(level.plain_score, abs=MEAN_WEIGHT)

    @pytest.mark.parametrize("role", ["diffuse", "positional"])
    def test_a_role_that_is_not_about_looks_ends_in_its_average(self, service, role):
        view = head_view_of(service, role=role)
        words = text_of(head_evidence.layout(view))
        assert f"Average of the 17: its score {view.levels.levels[role].score:.2f}" in words
        assert "Score when it looks" not in words

    def test_rows_beyond_the_first_are_one_element_each(self, service):
        view = head_view_of(service, HeadId(2, 6), role="previous_token")
        rows, card = head_evidence.evidence_rows(view), head_evidence.layout(view)
        (more,) = with_class(card, "evidence-more")
        lines = more["props"]["children"]
        assert len(with_class(card, "evidence-row")) + len(lines) == len(rows)
        row, line = rows[head_evidence.ROWS_SHOWN], lines[0]["props"]["children"]
        query, key = (head_evidence.isolated(view.tokens[at].word) for at in (row.query_pos, row.key_pos))
        assert line.startswith(f"{query} ({row.query_pos}) → {key} ({row.key_pos}): ")

    def test_it_quotes_the_tokens_of_the_text(self, service):
        row = head_evidence.evidence_rows(head_view_of(service))[0]
        assert (row.query_pos, row.key_pos, row.n_more_keys) == (17, 8, 0)

    def test_copies_are_summed_and_counted(self, service):
        view = head_view_of(service, HeadId(0, 2), prompt="a dog and a cat and a bird and a fox")
        last = head_evidence.evidence_rows(view)[0]
        assert last.n_more_keys == 1
        assert last.share > view.pattern[last.query_pos, last.key_pos]

    def test_the_rows_as_written_average_to_the_score_as_written(self, service):
        card = nodes(head_evidence.layout(head_view_of(service, role="positional")))
        figures = [node["props"] for node in card if node["props"].get("className") == "evidence-share"]
        shares = [float(figure["children"].strip("<> %")) for figure in figures]
        (more,) = (node["props"]["children"] for node in card if node["props"].get("className") == "evidence-more")
        shares += [float(line["props"]["children"].rsplit(": ", 1)[1].strip("<> %")) for line in more]
        score = next(node["props"] for node in card if node["props"].get("className") == "is-score")
        as_decimal, as_percent = score["children"][1]["props"]["children"].split(" = ")
        assert np.mean(shares) == pytest.approx(float(as_percent.strip(" %")), abs=0.11)
        assert float(as_percent.strip(" %")) == pytest.approx(100 * float(as_decimal), abs=0.51)

    def test_a_long_grey_bar_is_explained_by_where_jobs_come_from(self, service):
        assert "not from this text" in text_of(
            head_page.layout(service, Question(MODEL, REPEATING), head_search(NO_JOB_HEAD))
        )

    @pytest.mark.parametrize(
        ("texts", "quoted"),
        [
            (["start", "h", " i"], "h i"),
            (["start", "It", " sat", ".", " The", " cat", " sat", " on", " the"], "… The cat sat on the"),
            (["Oh", "!", "!", "!", "!", "!", "!"], "… !!!!!!"),
        ],
    )
    def test_the_text_is_quoted_as_it_was_typed(self, texts, quoted):
        tokens = [Token(0, text, text, text.strip(), is_start=text == "start") for text in texts]
        assert head_page.quote(tokens) == quoted

    def test_a_role_without_evidence_says_why(self, service):
        words = text_of(head_evidence.layout(head_view_of(service, prompt=PLAIN)))
        assert "Nothing to judge by: " in words
        assert "All 10 tokens here are different." in words

    def test_a_head_without_a_job_shows_where_it_looks_hardest(self, service):
        words = text_of(head_evidence.layout(head_view_of(service, NO_JOB_HEAD)))
        assert "None of the nine jobs fits this head. In this model 23 of 32 are like this." in words

    def test_any_job_can_be_looked_at(self, service):
        view = head_view_of(service, role="previous_token")
        assert view.role == "previous_token"
        assert head_view_of(service, role="nonsense").role == "induction"


class TestGrid:
    def test_the_outline_of_one_cell_has_four_edges_and_of_two_neighbours_six(self):
        cells = np.zeros((4, 4), dtype=bool)
        cells[2, 1] = True
        assert pattern_grid.outline_path(cells).count("M") == 4
        cells[3, 1] = True
        assert pattern_grid.outline_path(cells).count("M") == 6
        assert "M0.5,2.5L1.5,2.5" not in pattern_grid.outline_path(cells)

    def test_the_outline_runs_around_the_cell_where_the_key_is_across_and_the_query_down(self):
        cells = np.zeros((4, 4), dtype=bool)
        cells[2, 1] = True
        assert set(pattern_grid.outline_path(cells)[1:].split("M")) == {
            "0.5,1.5L1.5,1.5",
            "0.5,2.5L1.5,2.5",
            "0.5,1.5L0.5,2.5",
            "1.5,1.5L1.5,2.5",
        }

    def test_the_scale_is_fixed_and_the_future_is_empty(self, service):
        view = head_view_of(service)
        figure = pattern_grid.pattern_figure(view.pattern, view.tokens, pattern_grid.expected_cells(view), view.role)
        heatmap = figure.data[0]
        assert (heatmap.zmin, heatmap.zmax) == (0, 1)
        assert np.isnan(heatmap.z[3, 4])
        assert heatmap.z[17, 8] == pytest.approx(view.pattern[17, 8])

    def test_labels_are_tokens_up_to_forty_and_every_fifth_position_above(self, service):
        few = head_view_of(service)
        many = head_view_of(service, prompt=" ".join(f"word{number}" for number in range(41)))
        labels = [
            pattern_grid.pattern_figure(view.pattern, view.tokens, view.pattern > 2, view.role).layout.xaxis.ticktext
            for view in (few, many)
        ]
        assert labels[0][:3] == ("The", "old", "king")
        assert labels[1][:3] == ("0", "5", "10")

    def test_the_browser_is_told_which_cells_the_job_predicts_and_has_a_row_to_frame(self, service):
        view = head_view_of(service)
        grid = pattern_grid.layout(view)
        store = next(node for node in nodes(grid) if node["props"].get("id") == pattern_grid.Ids.cells)
        assert [17, 8] in store["props"]["data"]["expected"]
        assert len(store["props"]["data"]["expected"]) == pattern_grid.expected_cells(view).sum()
        assert len(with_class(grid, "grid-row-mark")) == 1

    def test_its_note_on_rest_is_for_heads_that_rest_on_this_text(self, service):
        notes = [text_of(pattern_grid.layout(head_view_of(service, head))) for head in (HeadId(2, 1), HeadId(1, 4))]
        assert "The outlined column is the resting place: the first token." in notes[0]
        assert "resting place" not in notes[1]
        assert "is its resting place" in text_of(
            pattern_grid.layout(head_view_of(service, HeadId(2, 1), role="previous_token"))
        )

    def test_its_table_says_where_each_token_looks_and_where_the_job_looks(self, service):
        view = head_view_of(service)
        table = with_class(pattern_grid.layout(view), "grid-table")[0]
        rows = table["props"]["children"][1]["props"]["children"]["props"]["tree"]
        assert len(rows) == 18
        share = f"{round(100 * view.pattern[17, 8])} %"
        assert text_of(rows[17]).startswith(f"the  (17) river  (8) {share}")
        assert text_of(rows[17]).split("  (17) ")[1].count(f"river  (8) {share}") == 2
        assert text_of(rows[3]).endswith("–")

    def test_a_grid_without_predictions_has_no_column_for_them(self, service):
        table = with_class(pattern_grid.layout(head_view_of(service, prompt=PLAIN)), "grid-table")[0]
        assert "Where the job says" not in text_of(table)

    def test_a_token_cannot_put_markup_into_the_figure(self, service):
        view = head_view_of(service, prompt="<b>bold</b> & <a href=x>")
        figure = pattern_grid.pattern_figure(view.pattern, view.tokens, pattern_grid.expected_cells(view), view.role)
        labels = figure.layout.yaxis.ticktext
        assert len(labels) == len(view.tokens)
        assert "&lt;" in labels
        assert "&amp;" in labels
        assert not [label for label in labels if "<" in label]

    def test_its_csv_holds_every_weight_that_a_token_can_give(self, service):
        view = head_view_of(service, prompt=HOSTILE)
        table = pattern_grid.pattern_csv(view.pattern, view.tokens, pattern_grid.expected_cells(view))
        lines = list(csv.DictReader(io.StringIO(table)))
        n = len(view.tokens)
        assert len(lines) == n * (n + 1) // 2
        weights = np.zeros((n, n))
        for line in lines:
            weights[int(line["query_pos"]), int(line["key_pos"])] = float(line["weight"])
        assert np.allclose(weights.sum(axis=1), 1, atol=1e-2)


class TestHeadPage:
    def layout(self, service, head=INDUCTION_HEAD, prompt=REPEATING, **others):
        search = search_for(prompt, layer=head.layer, head=head.head, **others)
        return head_page.layout(service, Question(MODEL, prompt), search)

    def test_bertviz_stands_in_a_titled_frame_without_access_to_the_page(self, service):
        frame = next(node for node in nodes(self.layout(service)) if node["type"] == "Iframe")["props"]
        assert frame["sandbox"] == "allow-scripts"
        assert "L2H3" in frame["title"]
        asked = parse_qs(urlsplit(frame["src"]).query)
        assert (urlsplit(frame["src"]).path, asked["layer"], asked["head"]) == ("/heatmap", ["2"], ["3"])
        assert asked["prompt"] == [REPEATING]

    def test_a_long_drawing_scrolls_in_its_frame(self, service):
        for n_words, height in ((10, "315"), (120, "640")):
            page = self.layout(service, prompt=" ".join(["word"] * n_words))
            (frame,) = [node["props"] for node in nodes(page) if node["type"] == "Iframe"]
            assert frame["height"] == height

    def test_the_grid_takes_the_place_of_the_frame(self, service):
        page = self.layout(service, view="grid")
        assert not [node for node in nodes(page) if node["type"] == "Iframe"]
        assert [node for node in nodes(page) if node["type"] == "Graph"]

    def test_previous_and_next_run_across_layers_and_end_at_both_ends(self, service):
        assert head_view_of(service, HeadId(2, 0)).neighbour(-1) == HeadId(1, 7)
        assert head_view_of(service, HeadId(0, 0)).neighbour(-1) is None
        assert head_view_of(service, HeadId(3, 7)).neighbour(1) is None

    def test_its_own_jobs_come_first_and_all_nine_are_there_with_rest_apart(self, service):
        bars = [
            node["props"] for node in nodes(self.layout(service, HeadId(2, 6))) if node["props"].get("role") == "meter"
        ]
        assert [bar["aria-label"] for bar in bars[:2]] == ["Induction", "Previous token"]
        assert {bar["aria-label"] for bar in bars[:-1]} == {
            role.display_name for role in ROLES.values() if not role.is_rest
        }
        assert bars[-1]["aria-label"] == "Resting"

    @pytest.mark.parametrize(
        ("layer", "head", "sentence"),
        [
            (7, 0, "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 7, head 0."),
            (-1, 0, "There is no layer −1, head 0."),
            (99, -1, "There is no layer 99, head −1."),
            (0, 9, "There is no layer 0, head 9."),
            ("x", 0, "The link names no layer."),
        ],
    )
    def test_a_bad_link_is_a_sentence_and_a_way_out(self, service, layer, head, sentence):
        with pytest.raises(UserError) as refusal:
            head_view(service, Question(MODEL, REPEATING), f"?layer={layer}&head={head}")
        assert sentence in refusal.value.sentence
        assert refusal.value.fix is not None

    def test_a_link_without_a_head_says_what_is_missing(self, service):
        with pytest.raises(UserError, match="names no head"):
            head_view(service, Question(MODEL, REPEATING), "?layer=1")

    @pytest.mark.parametrize(
        ("search", "sentence", "nearest"),
        [
            ("?layer=99", "The link names no head, and this model has no layer 99.", (3, 0)),
            ("?head=-4", "The link names no layer, and this model has no head -4.", (0, 0)),
            ("?layer=2", "The link names no head.", (2, 0)),
            ("", "The link names no layer and no head.", (0, 0)),
            ("?layer=-1&head=5", "There is no layer −1, head 5.", (0, 5)),
            ("?layer=1&head=-2", "There is no layer 1, head −2.", (1, 0)),
        ],
    )
    def test_every_fault_is_named_and_the_nearest_head_offered(self, service, search, sentence, nearest):
        with pytest.raises(UserError) as refusal:
            head_view(service, Question(MODEL, REPEATING), search)
        assert refusal.value.sentence.endswith(sentence)
        assert (refusal.value.fix.layer, refusal.value.fix.head) == nearest

    @pytest.mark.parametrize("prompt", [HOSTILE, "Hi", "Hello there", "🙂 שלום", "a " * 200])
    @pytest.mark.parametrize("drawing", ["lines", "grid"])
    def test_any_text_can_be_shown(self, service, prompt, drawing):
        assert to_json(self.layout(service, prompt=prompt, view=drawing))

    def test_no_token_is_read_as_markdown(self, service):
        for drawing in ("lines", "grid"):
            page = self.layout(service, prompt=HOSTILE, view=drawing)
            assert not [node for node in nodes(page) if node["type"] == "Markdown"]


class TestLearn:
    def layout(self, service=None, model=MODEL):
        return learn_page.layout(service or FakeHeadlight(), Question(model, REPEATING), "")

    def test_every_role_has_definition_formula_and_source(self):
        words = text_of(self.layout())
        for role in ROLES.values():
            assert role.definition in words
            assert role.formula in words
            assert role.source.rstrip("?") in words

    @pytest.mark.parametrize("role", learn_strip.EXAMPLES)
    def test_a_role_with_an_example_and_a_text_shows_its_strip_and_the_common_mistake(self, role):
        words = text_of(self.layout())
        assert learn_strip.EXAMPLES[role].sentence in words
        assert learn_page.role_paragraph(role, learn_page.MISTAKE) in words

    def test_every_lesson_in_the_list_is_on_the_page(self):
        page = nodes(self.layout())
        ids = {node["props"].get("id") for node in page}
        targets = {node["props"]["href"] for node in page if str(node["props"].get("href", "")).startswith("#")}
        assert len(targets) == 5 + len(ROLES)  # the general lessons, and one for each role
        assert {target.removeprefix("#") for target in targets} <= ids

    def test_prompts_are_those_that_the_catalogue_counted(self, service):
        words = text_of(self.layout(service))
        assert "lights 3 of 3 heads" in words
        assert "The model in use has no head for this job." in words

    def test_without_a_catalogue_nothing_is_promised(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        assert "lights" not in text_of(self.layout(service)).split("Try it")[1]

    @pytest.mark.parametrize(
        "role", [key for key in learn_strip.EXAMPLES if isinstance(ROLES[key].measure, AttentionTo)]
    )
    def test_the_examples_look_where_the_role_says(self, role):
        example = learn_strip.EXAMPLES[role]
        ids = np.array([sorted(set(example.words)).index(word) for word in example.words])
        measure = ROLES[role].measure
        assert isinstance(measure, AttentionTo)
        first = {(0, 0)} if role == "current_token" else set()
        assert set(example.looks) - first <= set(
            zip(*map(np.ndarray.tolist, np.nonzero(measure.predicts(ids).targets)), strict=True)
        )

    def test_a_missing_paragraph_is_named(self):
        with pytest.raises(KeyError, match="induction"):
            learn_page.role_paragraph("induction", "No such start.")


class TestWiring:
    @pytest.mark.parametrize("page", [all_heads_page, head_page, learn_page])
    def test_the_skeleton_holds_every_fixed_id_of_the_page(self, service, page):
        """Callbacks are checked against skeletons, so an id that only the real page has would go unnoticed."""
        searches = [
            search_for(),
            search_for(tab="map"),
            head_search(INDUCTION_HEAD),
            head_search(HeadId(1, 1), view="grid"),
        ]
        known = {json.dumps(node["props"].get("id")) for node in nodes(page.skeleton())}
        for search in searches if page is not head_page else searches[2:]:
            for node in nodes(page.layout(service, Question(MODEL, REPEATING), search)):
                is_input = node["type"] in ("RadioItems", "Input", "Store", "Download", "Graph")
                if is_input and "id" in node["props"]:
                    assert json.dumps(node["props"]["id"]) in known
