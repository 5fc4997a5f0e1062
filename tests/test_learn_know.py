"""Claims of the lesson on how we know: every number in it is what the code computes, and every count is true."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest

from components.address import Question
from components.learn import learn_luck, learn_page, learn_strip
from components.role_help import role_text
from tests.deep_service import DEEP_MODEL, DeepHeadlight
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.test_components_heads import nodes, text_of
from tests.test_method_doc import METHOD
from utils.catalogue.file import CATALOGUE_PATH, load_catalogues
from utils.measures.attention_to import MIN_EXCESS, USUAL_SHARE
from utils.measures.luck import HIT_SHARE, LEAST_LOOK, LUCK_RATE, luck_limit, tail
from utils.measures.resting import RESTS_FROM
from utils.measures.writes import MIN_PUSH, MIN_SCORE
from utils.measures.written import Write
from utils.roles import JOBS, REST, ROLES, writing_roles
from utils.writing.words import DAYS

KNOW = learn_page.general_text("know")
MORE = learn_page.general_text("know_more")
WRITING = learn_page.general_text("know_writing")
LAST = learn_page.general_text("know_last")


def page(service=None, model=MODEL):
    return learn_page.layout(service or FakeHeadlight(), Question(model, REPEATING), "")


def lesson(key: str, service=None, model=MODEL) -> str:
    return text_of(next(node for node in nodes(page(service, model)) if node["props"].get("id") == f"learn-{key}"))


class TestWorkedExample:
    def test_every_product_in_the_text_is_what_the_code_computes(self):
        products = re.findall(r"1/(\d+) × 1/(\d+)(?: = 1/\d+)? = (\.\d+)", MORE)
        assert len(products) == 2
        for first, second, written in products:
            both = tail(np.array([[1 / int(first), 1 / int(second)]]), np.array([2]))[0]
            assert float(written) == pytest.approx(both, abs=5e-6)

    def test_the_limits_of_one_head_and_of_eight(self):
        assert ".05 / 8 = .00625" in MORE
        assert luck_limit(8) == pytest.approx(0.00625)
        assert "1 time in 20 × 8 = 160" in KNOW
        assert Fraction(1, 160) == Fraction(LUCK_RATE).limit_denominator(100) / 8

    def test_what_blind_looking_hits_on_average(self):
        assert "1/13 + 1/14 = .15 hits" in MORE
        assert pytest.approx(0.15, abs=0.005) == 1 / 13 + 1 / 14

    @pytest.mark.parametrize(
        ("places", "alone", "on_card"), [((13, 14), True, True), ((12, 13), True, False), ((20,), True, False)]
    )
    def test_the_table_says_which_hits_are_no_luck(self, places, alone, on_card):
        assert (learn_luck.is_no_luck(places, 1), learn_luck.is_no_luck(places, 8)) == (alone, on_card)
        assert places in learn_luck.EXAMPLES

    def test_the_table_is_in_the_lesson(self):
        words = lesson("know")
        assert "after 13 and 14 tokens 1/13 × 1/14 = .00549 no luck no luck" in words
        assert "after 12 and 13 tokens 1/12 × 1/13 = .00641 no luck cannot tell" in words
        assert "after 20 tokens 1/20 = .05 no luck cannot tell" in words


class TestText:
    def test_the_two_sentences_for_students(self):
        assert (
            "In 21 places this text gives the head a chance; blind looking would land there about 0.4 times, this head "
            "did 6 times. Each target word counts once, and the bar is higher when several heads are on the card."
        ) in " ".join(KNOW.split())

    def test_its_limits_are_those_of_the_code(self):
        assert "no more than 90 % of its attention on the first token" in KNOW
        assert LEAST_LOOK == 0.1
        assert "at most half of all" in KNOW
        assert "more than half of its looking" in KNOW
        assert HIT_SHARE == 0.5
        assert "at least half of the way from chance to its usual level, and at least a fifth of the way" in KNOW
        assert (USUAL_SHARE, MIN_EXCESS) == (0.5, 0.2)
        assert "half of its attention or more" in lesson("positional")
        assert RESTS_FROM == 0.5

    def test_it_is_in_the_list_has_an_address_and_needs_no_network(self):
        found = nodes(page())
        links = [node["props"]["href"] for node in found if node["props"].get("href")]
        assert "#learn-know" in links
        assert "learn-know" in [node["props"].get("id") for node in found]
        assert not [text for text in (KNOW, MORE, WRITING, LAST) if "://" in text]

    def test_the_page_that_it_names_is_there(self):
        assert "`docs/method.md`" in LAST
        assert METHOD.is_file()

    def test_how_writing_is_measured_stands_in_the_lesson_with_the_limits_of_the_code(self):
        words = lesson("know")
        assert "How writing is measured" in words
        assert "at least .3 and at least half of its usual one, and when it also pushes by at least .3 logits" in words
        assert (MIN_SCORE, MIN_PUSH, USUAL_SHARE) == (0.3, 0.3, 0.5)
        assert "half a logit more makes a word about 1.6 times as likely" in words
        assert f"{math.exp(0.5):.1f}" == "1.6"

    def test_a_few_hundred_words_are_compared(self):
        tested = [known.writing.n_columns for known in load_catalogues(CATALOGUE_PATH).values() if known.writing]
        assert "two or three hundred words" in WRITING
        assert all(200 <= number <= 300 for number in tested)


class TestCounts:
    def test_five_jobs_of_looking_four_of_writing_and_one_state(self):
        words = text_of(page())
        assert "The five jobs of looking Previous token" in words
        assert "The four jobs of writing Copying" in words
        assert "And one state Resting" in words
        assert "From tokens to the nine jobs" in words
        assert not re.search(r"(five|six|ten) jobs(?! of looking)", words)

    def test_each_kind_of_job_has_its_own_introduction_before_its_jobs(self):
        ids = [str(node["props"].get("id")).removeprefix("learn-") for node in nodes(page())]
        places = [ids.index(key) for key in ("jobs", "previous_token", "writing", "copying", "positional")]
        assert places == sorted(places)

    def test_the_jobs_come_first_and_rest_last(self):
        ids = [str(node["props"].get("id")).removeprefix("learn-") for node in nodes(page())]
        assert [key for key in ids if key in ROLES] == [*JOBS, REST]

    def test_the_model_in_use_is_counted(self):
        assert (
            "In the model in use, 9 of 32 heads have one of the nine jobs. Of the other 23, 4 usually rest."
            in lesson("jobs")
        )
        assert "In the model in use, 17 of 270 heads have one of the nine jobs." in lesson(
            "jobs", DeepHeadlight(), DEEP_MODEL
        )

    @pytest.mark.parametrize("catalogue", load_catalogues(CATALOGUE_PATH).values(), ids=lambda known: known.model_name)
    def test_the_count_is_true_of_every_model_that_ships(self, catalogue):
        told = [int(number) for number in re.findall(r"\d+", learn_page.known_sentence(catalogue))]
        named = sum(bool(set(roles) & set(JOBS)) for row in catalogue.head_roles for roles in row)
        assert told[:3] == [named, catalogue.shape.n_all, catalogue.shape.n_all - named]

    def test_a_model_that_nobody_analysed_has_no_count(self):
        assert learn_page.known_sentence(None) == ""

    def test_every_lamp_shape_is_told(self):
        words = lesson("dark")
        for name in ("here and there", "cannot tell", "not seen", "cannot show here", "no such head"):
            assert name in words
        assert "cannot be tested" in words


class TestWhatCannotBeTested:
    REASON = "This model reads too few first names as one token, so this job cannot be tested."

    @pytest.fixture
    def service(self, monkeypatch):
        """A model that cannot be tested for names, and has no head for lists."""
        service = FakeHeadlight()
        known = service.catalogue(MODEL).model_copy(update={"untested": {"name_mover": self.REASON}})
        monkeypatch.setattr(service, "catalogue", lambda _model: known)
        return service

    def test_the_job_is_not_promised_and_the_reason_stands_there(self, service):
        words = lesson("name_mover", service).split("Try it")[1]
        assert words.strip() == f"{self.REASON} {learn_page.NO_PROMISE}"

    def test_that_is_not_the_same_as_having_no_head(self, service):
        assert "no head for this job" in lesson("successor", service)
        assert "no head for this job" not in lesson("name_mover", service)

    def test_the_count_of_the_model_in_use_names_it(self, service):
        assert lesson("jobs", service).endswith("“Passing on a name” cannot be tested on it.")
        everything = service.catalogue(MODEL).model_copy(update={"untested": {}})
        assert "cannot be tested" not in learn_page.known_sentence(everything)

    def test_several_are_listed(self):
        (tunes,) = [known for name, known in load_catalogues(CATALOGUE_PATH).items() if name == "classroom-tunes"]
        names = "“Copying”, “Holding back”, “Next in a list” and “Passing on a name”"
        assert learn_page.known_sentence(tunes).endswith(f"{names} cannot be tested on it.")


class TestTextsOfWriting:
    @pytest.mark.parametrize("role", writing_roles())
    def test_each_is_told_as_the_others_are_and_claims_no_paper_s_formula(self, role):
        starts = [part.split("**")[1] for part in role_text(role).strip().split("\n\n")]
        assert starts == ["In plain words.", "An example.", "Why it matters.", "A common mistake.", "Source."]
        assert role_text(role).strip().endswith("for the idea. The formula is Headlight's own.")
        assert ROLES[role].source.split(" et al.")[0] in learn_page.role_paragraph(role, "Source.")
        assert "The formula is Headlight’s own." in lesson(role)

    @pytest.mark.parametrize("role", writing_roles())
    def test_no_jargon(self, role):
        for text in (role_text(role), learn_page.general_text("writing"), WRITING):
            assert not re.search(r"\b(ablat|logit lens|unembed|residual|name mover head|OV)", text)

    @pytest.mark.parametrize("role", writing_roles())
    def test_the_strip_shows_the_word_that_is_pushed_where_the_head_looks(self, role):
        example, measure = learn_strip.EXAMPLES[role], writing_roles()[role]
        arrow, pushed = example.pushed.split()
        seen = example.words[example.looks[-1][1]]
        assert arrow == ("↓" if measure.write is Write.SUPPRESS else "↑")
        after = dict(itertools.pairwise(DAYS))
        assert pushed == (after[seen] if measure.write is Write.NEXT else seen)
        assert example.looks[-1][0] == len(example.words) - 1
        assert example.pushed in lesson(role)

    def test_which_induction_heads_copy_is_what_the_catalogues_say(self):
        """ "In the classroom models … every induction head copies; in SmolLM2 half of them do."""
        both = {
            name: (len(set(known.holders_of("induction")) & set(known.holders_of("copying"))), known)
            for name, known in load_catalogues(CATALOGUE_PATH).items()
            if "copying" not in known.untested
        }
        assert "every induction head copies; in SmolLM2 half of them do" in " ".join(role_text("copying").split())
        for name, (n_both, known) in both.items():
            n_induction = len(known.holders_of("induction"))
            if name.startswith("classroom"):
                assert n_both == n_induction
        n_both, smol = both["HuggingFaceTB/SmolLM2-135M-Instruct"]
        assert 2 * n_both == len(smol.holders_of("induction"))
