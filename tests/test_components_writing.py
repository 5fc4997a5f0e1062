"""Jobs of writing on the Roles page and in the parts that pages share: tiles, words of a push, headline, stage, map."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components import evidence_sentence, head_map
from components.address import Question, roles_href
from components.lamp import lamp, state_mark
from components.roles import bar_guide, head_rows, role_card, roles_page, stage
from components.roles.headline import headline
from components.roles.roles_view import roles_view
from tests.fake_service import MODEL, OTHER_MODEL, REPEATING
from tests.fake_writing import DAYS, NO_NAMES_HERE, TWO_NAMES, WritingHeadlight
from tests.test_components_roles import all_with, every, with_status, words
from utils.heads import HeadId
from utils.levels import head_levels
from utils.measures.reading import Look
from utils.roles import JOBS, ROLES, writing_roles
from utils.summary import HeadEntry
from utils.text_until import text_until
from utils.tokens import Token

LATER = f"{TWO_NAMES} Peter. She smiled"
WRITING = list(writing_roles())
PETER = Token(1, " Peter", "·Peter", "Peter")


def view_of(prompt: str, model: str = MODEL):
    return roles_view(WritingHeadlight(), Question(model, prompt))


@pytest.fixture
def names():
    return view_of(TWO_NAMES)


@pytest.fixture
def days():
    return view_of(DAYS)


def with_kinds(view, n_looking: int, n_writing: int, untested: tuple[str, ...] = ()):
    """The same view with so many jobs of each kind active, and some that cannot be tested."""
    for is_writing, n_active in ((False, n_looking), (True, n_writing)):
        keys = [key for key, role in JOBS.items() if role.is_writing == is_writing and key not in untested]
        for index, key in enumerate(keys):
            view = with_status(view, key, status="active" if index < n_active else "not_seen")
    for key in untested:
        view = with_status(view, key, status="not_testable")
    return view


class TestHeadline:
    @pytest.mark.parametrize(
        ("n_looking", "n_writing", "said"),
        [
            (3, 1, "Three of five jobs of looking and one of four of writing light up on your text."),
            (1, 0, "One of five jobs of looking and none of the four of writing lights up on your text."),
            (5, 4, "All five jobs of looking and all four of writing light up on your text."),
            (0, 0, "None of the five jobs of looking or the four of writing lights up on your text."),
            (0, 1, "None of the five jobs of looking, but one of four of writing lights up on your text."),
            (0, 4, "None of the five jobs of looking, but all four of writing light up on your text."),
        ],
    )
    def test_it_counts_both_kinds(self, names, n_looking, n_writing, said):
        assert headline(with_kinds(names, n_looking, n_writing).analysis) == said

    @pytest.mark.parametrize(
        ("n_writing", "untested", "said"),
        [
            (1, WRITING[3:], "Two of five jobs of looking and one of three of writing light up on your text."),
            (1, WRITING[1:], "Two of five jobs of looking and the one of writing light up on your text."),
            (0, WRITING[1:], "Two of five jobs of looking, but not the one of writing, light up on your text."),
            (0, WRITING, "Two of five jobs of looking light up on your text."),
        ],
    )
    def test_it_counts_only_jobs_of_writing_that_can_be_tested(self, names, n_writing, untested, said):
        assert headline(with_kinds(names, 2, n_writing, tuple(untested)).analysis) == said

    def test_repetition_is_spoken_of_after_both(self):
        said = headline(view_of("A lonely sailor watched dark clouds gather over his boat").analysis)
        assert said.endswith("of writing light up. Two need repetition.")


class TestTiles:
    def test_round_is_looking_and_square_is_writing_in_every_state(self):
        states = ("active", "below_usual", "not_seen", "not_applicable", "not_testable", "no_heads")
        for role in ROLES:
            squares = {"lamp--square" in lamp(role, status).className.split() for status in states}
            marks = {"dot--square" in state_mark(status, role).className.split() for status in states}
            assert squares == marks == {ROLES[role].is_writing}

    def test_what_cannot_be_tested_has_a_shape_of_its_own_name(self):
        assert "lamp--not-testable" in lamp("copying", "not_testable").className.split()

    def test_rows_of_a_card_have_square_marks(self, names):
        marks = [row.children[0].className for row in every(role_card.layout(names, "copying"), "head-row")]
        assert marks == ["dot dot--active dot--square"] * 3

    def test_the_guide_says_what_a_square_is(self, names):
        guide = bar_guide.layout(names.question)
        assert "a job of writing, in the same states; round is a job of looking" in words(guide)
        assert len(every(guide, "dot--square")) == 1


class TestPush:
    @pytest.mark.parametrize(
        ("push", "said"),
        [
            (1.84, "adds +1.8 to"),
            (-1.52, "takes 1.5 from"),
            (0.04, ""),
            (-0.04, ""),
            (None, ""),
        ],
    )
    def test_a_push_has_one_decimal_and_says_which_way(self, push, said):
        assert evidence_sentence.push(Look(3, 1, 0.5, push=push, target=PETER)) == said

    @pytest.mark.parametrize(
        ("push", "target", "said"),
        [
            (1.84, "Peter", "adds +1.8 to Peter"),
            (-1.52, "Peter", "takes 1.5 from Peter"),
            (-1.52, ",", "takes 1.5 from “,”"),
            (0.01, "Peter", ""),
            (None, "Peter", ""),
        ],
    )
    def test_a_row_says_what_its_head_writes(self, push, target, said):
        look = Look(3, 1, 0.5, push=push, target=replace(PETER, word=target))
        entry = HeadEntry(HeadId(0, 0), "copying", 0.9, False, ("copying",), evidence=(look,))
        assert words(head_rows.writes_line(entry)) == said

    def test_a_row_goes_on_with_the_other_jobs(self, names):
        rows = every(role_card.layout(names, "copying"), "head-jobs")
        assert words(rows[0]) == "adds +1.3 to Peter, also passing on a name"
        assert words(rows[1]).endswith(", mainly induction")

    @pytest.mark.parametrize(
        ("prompt", "role", "said"),
        [
            (TWO_NAMES, "copying", "At to13 L3H3 looks at Peter3 with 52 % of its attention and adds +1.3 to it."),
            (
                TWO_NAMES,
                "copy_suppression",
                "At to13 L3H7 looks at Peter3 with 52 % of its attention and takes 1.3 from it.",
            ),
            (
                DAYS,
                "successor",
                "At Wednesday4 L3H2 looks at that very token with 64 % of its attention and adds +1.6 to Thursday.",
            ),
        ],
    )
    def test_the_card_proves_it_with_the_look_and_the_push(self, prompt, role, said):
        assert said in words(role_card.layout(view_of(prompt), role))

    def test_the_stage_says_the_same(self, names, days):
        said = words(stage.layout(names, "name_mover"))
        assert "Passing on a name, as head L3H3 does it" in said
        assert "At to13 it looks at Peter3 with 52 % of its attention and adds +1.3 to it." in said
        assert "and adds +1.6 to Thursday." in words(stage.layout(days, "successor"))

    def test_a_push_of_nothing_is_said_to_be_none(self, names):
        look = Look(13, 3, 0.5, push=0.01, target=names.analysis.forward.tokens[3])
        entry = HeadEntry(HeadId(0, 0), "copying", 0.9, False, (), evidence=(look,))
        sentence = evidence_sentence.short(entry, names.analysis.forward.tokens)
        assert words(sentence).endswith("and adds next to nothing to it.")

    def test_a_job_of_looking_pushes_nothing(self, names):
        card = role_card.layout(names, "previous_token")
        assert "adds" not in words(every(card, "job-proof"))

    def test_words_that_may_come_next_are_text(self, days):
        look = Look(2, 1, 0.5, push=2.0, target=Token(9, "<b>", "<b>", "<b>"))
        place = evidence_sentence.place(look, "successor", days.analysis.forward.tokens)
        assert place[-1].children.children == "<b>"


class TestCards:
    def test_jobs_of_looking_stand_first_with_rest_last_and_jobs_of_writing_below(self):
        page = roles_page.layout(WritingHeadlight(), Question(MODEL, TWO_NAMES))
        looking, writing = ([card.id["role"] for card in every(grid, "job")] for grid in every(page, "jobs"))
        assert [words(title) for title in every(page, "jobs-group")] == ["Jobs of looking", "Jobs of writing"]
        assert looking == [key for key in ROLES if key not in WRITING]
        assert looking[-1] == "positional"
        assert writing == WRITING
        assert "Nine jobs, and the heads that do them" in words(page)
        assert "likelier or less likely to come next" in words(every(page, "jobs-about"))

    def test_a_job_that_cannot_be_tested_says_so_and_why(self):
        view = view_of(TWO_NAMES, OTHER_MODEL)
        card = role_card.layout(view, "name_mover")
        assert words(every(card, "job-status")) == "Cannot be tested in this model"
        assert NO_NAMES_HERE in words(card)
        assert every(card, "bar") == []
        assert words(every(card, "chip")).startswith("Ask a model that has one")
        assert "Passing on a name cannot be tested in this model" in words(stage.layout(view, "name_mover"))

    def test_a_job_that_no_head_does_is_told_apart_from_that(self):
        card = role_card.layout(view_of(DAYS, OTHER_MODEL), "successor")
        assert words(every(card, "job-status")) == "No head in this model"
        assert "None of this model’s 32 heads pushes up what follows in a list." in words(card)

    def test_a_text_whose_end_hides_a_job_can_be_cut_with_one_press(self):
        view = view_of(LATER)
        assert view.analysis.roles["name_mover"].cut_at == 13
        for shown in (role_card.layout(view, "name_mover"), stage.layout(view, "name_mover")):
            chip = every(shown, "chip")[0]
            assert words(chip) == "End your text after “to”There L3H3 does it"
            assert chip.href == roles_href(MODEL, TWO_NAMES)

    def test_a_text_that_shows_it_is_not_cut(self, names):
        assert "End your text" not in words(role_card.layout(names, "name_mover"))

    def test_a_name_held_back_has_its_name_in_papers_and_another_word_has_not(self, names, days):
        assert role_card.HOLDS_A_NAME in words(role_card.layout(names, "copy_suppression"))
        assert days.analysis.roles["copy_suppression"].status == "active"
        assert role_card.HOLDS_A_NAME not in words(role_card.layout(days, "copy_suppression"))
        assert role_card.HOLDS_A_NAME not in words(role_card.layout(names, "copying"))


class TestCut:
    def test_a_cut_text_is_what_was_typed_up_to_the_token(self, names):
        assert text_until(names.analysis.forward, 3) == "Then Anna and Peter"

    def test_tokens_that_do_not_spell_the_text_cut_nothing(self, names):
        forward = names.analysis.forward
        broken = replace(forward, tokens=(Token(5, "①", "①", "①", broken=("①",)), *forward.tokens[1:]))
        assert text_until(broken, 3) is None

    def test_a_chat_turn_ends_in_its_template_and_is_not_cut(self, names):
        forward = names.analysis.forward
        template = replace(forward.tokens[-1], is_template=True)
        assert text_until(replace(forward, tokens=(*forward.tokens[:-1], template)), 3) is None


class TestStage:
    def test_it_opens_on_looking_then_on_writing_then_on_the_reason(self, names):
        dark = all_with(names, "not_seen")
        writes = with_status(dark, "successor", status="active")
        luck = with_status(writes, "diffuse", status="here_and_there")
        looks = with_status(luck, "current_token", status="active")
        opened = [stage.opening_role(view.analysis) for view in (dark, writes, luck, looks)]
        assert opened == ["induction", "successor", "diffuse", "current_token"]

    @pytest.mark.parametrize("role", list(ROLES))
    @pytest.mark.parametrize("prompt", [TWO_NAMES, LATER, DAYS, REPEATING, "Hi"])
    def test_every_role_can_be_staged_and_has_a_card_on_every_text(self, role, prompt):
        for model in (MODEL, OTHER_MODEL):
            view = view_of(prompt, model)
            assert words(stage.layout(view, role))
            assert words(role_card.layout(view, role))


class TestMap:
    @pytest.fixture
    def levels(self, names):
        return {entry.id: entry for entry in head_levels(names.analysis, names.catalogue)}

    def cell(self, levels, head: HeadId, role: str | None = None):
        return every(head_map.map_of(list(levels.values()), MODEL, TWO_NAMES, role), "head-cell")[8 * head[0] + head[1]]

    def test_a_head_that_only_writes_is_a_tile(self, levels):
        cell = self.cell(levels, HeadId(3, 7))
        assert {"head-cell--writes", "head-cell--active", "role-copy_suppression"} <= set(cell.className.split())
        assert head_map.cell_label(levels[HeadId(3, 7)]).startswith("L3H7, holding back, active, score 0.9")
        assert "head-cell--writes" not in self.cell(levels, HeadId(1, 4)).className

    def test_a_head_that_looks_and_writes_has_a_small_square(self, levels):
        cell = self.cell(levels, HeadId(2, 3))
        assert "role-induction" in cell.className
        (corner,) = every(cell, "head-cell-second--tile")
        assert "role-copying" in corner.className
        assert "is-open" not in corner.className
        label = head_map.cell_label(levels[HeadId(2, 3)])
        assert label.startswith("L2H3, mainly induction, ")
        assert ", also copying, active" in label

    def test_the_small_square_is_open_while_the_job_is_not_active(self, levels):
        entry = levels[HeadId(2, 3)]
        quiet = replace(entry.levels["copying"], status="not_seen")
        levels[HeadId(2, 3)] = replace(entry, levels={**entry.levels, "copying": quiet})
        (corner,) = every(self.cell(levels, HeadId(2, 3)), "head-cell-second--tile")
        assert "is-open" in corner.className
        assert ", also copying, not seen" in head_map.cell_label(levels[HeadId(2, 3)])

    def test_a_map_of_one_job_of_writing_shows_its_heads_as_tiles(self, levels):
        cell = self.cell(levels, HeadId(2, 3), "copying")
        assert {"head-cell--writes", "role-copying"} <= set(cell.className.split())
        assert every(cell, "head-cell-second--tile") == []
        assert "role-induction" in every(cell, "head-cell-second")[0].className

    def test_three_jobs_have_two_corners(self, levels):
        entry = replace(levels[HeadId(2, 3)], jobs=("induction", "previous_token", "copying", "name_mover"))
        assert head_map.corner_jobs(entry) == ["previous_token", "copying"]
        levels[HeadId(2, 3)] = entry
        right, left = every(self.cell(levels, HeadId(2, 3)), "head-cell-second")
        assert "is-left" in left.className
        assert "is-left" not in right.className

    def test_the_legend_says_what_tiles_and_small_squares_are(self, levels):
        said = words(head_map.legend(list(levels.values())))
        assert "writes" in said
        assert "small square: also writes" in said
        assert "none of the nine jobs" in said
        assert "writes" not in words(head_map.legend([levels[HeadId(1, 4)], levels[HeadId(0, 0)]]))
