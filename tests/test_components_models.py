"""The Models page without a browser: what each state says, and what each press does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from app import create_app
from components import analyze_offer
from components.address import Question
from components.models import models_page, models_running, models_table, models_words
from components.models.models_details import layout as details
from components.models.models_view import ModelsView, asked_from_this_computer
from tests.fake_service import OTHER_MODEL, fake_catalogue
from tests.fake_writing import NO_NAMES_HERE, writing_catalogue
from tests.model_folders import SHIPPED, copy_model
from tests.test_components_roles import every, words
from utils.catalogue.file import parse_catalogues
from utils.catalogue.jobs import CatalogueJobStatus, JobState
from utils.catalogue.store import FoundCatalogue
from utils.errors import UserError
from utils.models.listing import ModelEntry
from utils.models.removal import Removal
from utils.models.sources.directories import OperatorFolder
from utils.roles import JOBS
from utils.service import Headlight
from utils.settings import Settings

DEFAULT = "classroom-gpt2"
QUESTION = Question(DEFAULT, "The cat sat on the mat.")
PYTHIA = "EleutherAI/pythia-70m"


def entry(name: str = PYTHIA, **facts) -> ModelEntry:
    """A model on this computer with nothing wrong with it, but for `facts`."""
    usual = {
        "folder": SHIPPED,
        "source": OperatorFolder(Settings()),
        "n_layers": 6,
        "n_heads": 8,
        "n_parameters": 70_400_000,
    }
    usual |= {"n_bytes": 166_000_000, "display_name": "Pythia 70M", "family": "GPT-NeoX", "licence": "Apache 2.0"}
    return ModelEntry(name=name, **(usual | facts))


def catalogued(**facts) -> ModelEntry:
    return entry(catalogue=FoundCatalogue(fake_catalogue(PYTHIA), is_own=True, is_stale=False), **facts)


def view(*entries: ModelEntry, **state) -> ModelsView:
    usual = {"status": None, "removals": {}, "default_model": DEFAULT}
    return ModelsView(question=QUESTION, entries=list(entries), **(usual | state))


def running(**state) -> CatalogueJobStatus:
    usual = {"had_catalogue": True, "n_read": 43, "n_texts": 70, "share": 0.61, "remaining": "About 4 minutes left"}
    return CatalogueJobStatus(**({"model": PYTHIA, "state": JobState.RUNNING} | usual | state))


@pytest.fixture
def service(tmp_path) -> Headlight:
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)
    copy_model(settings.models_dir / "school-model")
    return Headlight(settings)


@pytest.fixture
def app(service):
    return create_app(service)


class TestWhatARowSays:
    @pytest.mark.parametrize(
        ("facts", "shape", "sentence"),
        [
            ({}, "not_analyzed", "You can use it meanwhile, without usual levels."),
            (
                {"found": ("config.json", "tokenizer.json"), "missing": ("model.safetensors",)},
                "unreadable",
                "Found config.json and tokenizer.json. Still missing: model.safetensors.",
            ),
            ({"problem": UserError('Headlight cannot read the family "mamba".', "")}, "unreadable", "mamba"),
            ({"folder": None}, "not_here", "Nothing that Headlight can reach has its files."),
            ({"folder": None, "is_gated": True}, "needs_permission", "Accept the licence at its maker"),
        ],
    )
    def test_each_state_has_its_own_shape_and_sentence(self, facts, shape, sentence):
        state = view(entry(**facts))
        page = models_table.not_here(state) if "folder" in facts else models_table.here(state)
        assert every(page, f"ready--{shape}")
        assert sentence in words(page)

    def test_a_catalogued_model_counts_its_heads_with_a_job(self):
        named = sum(bool(set(roles) & set(JOBS)) for layer in fake_catalogue(PYTHIA).head_roles for roles in layer)
        assert named == 9
        assert f"{named} of 32 heads have a job" in words(models_table.here(view(catalogued())))

    def test_other_weights_and_a_catalogue_without_weights_are_told_apart(self):
        stale = entry(catalogue=FoundCatalogue(fake_catalogue(PYTHIA), is_own=True, is_stale=True))
        assert every(models_table.here(view(stale)), "ready--stale")
        only = catalogued(folder=None)
        assert every(models_table.not_here(view(only)), "ready--catalogue_only")

    @pytest.mark.parametrize(
        ("n_bytes", "shown"),
        [(None, ""), (400_000, "0.4 MB"), (5_900_000, "6 MB"), (988_000_000, "988 MB"), (2_470_000_000, "2.5 GB")],
    )
    def test_sizes(self, n_bytes, shown):
        assert models_words.megabytes(n_bytes) == shown

    def test_numbers_of_weights(self):
        shown = [models_words.weights(number) for number in (3_104_000, 70_400_000, 1_236_000_000, 820, None)]
        assert shown == ["3.1 million weights", "70 million weights", "1.24 billion weights", "820 weights", ""]

    def test_a_tiny_difference_is_written_without_an_exponent(self):
        assert [models_words.plain_decimal(gap) for gap in (1.79e-07, 1e-05, 0.0)] == ["0.0000002", "0.00001", "0"]

    def test_the_title_counts_what_is_ready(self):
        assert models_words.title(view(entry())) == "No models are ready for your text."
        assert models_words.title(view(catalogued())) == "One model is ready for your text."
        two = view(catalogued(name="a"), catalogued(name="b"), entry(), status=running())
        assert models_words.title(two) == "Two models are ready for your text. One more is being analyzed."
        again = view(catalogued(), status=running())
        assert models_words.title(again) == "One model is ready for your text. One is being analyzed."

    def test_analyze_waits_while_another_model_is_analyzed(self):
        rows = models_table.here(view(entry(), entry("other"), status=running()))
        buttons = [button for button in every(rows, "btn-quiet") if words(button) == "Analyze"]
        assert [button.disabled for button in buttons] == [True]

    def test_none_one_and_many_models_are_counted_in_words_that_fit(self):
        assert words(models_table.here(view())) == "On this computerNo model is here yet."
        assert models_table.not_here(view()) is None
        one = view(entry(folder=None))
        assert "1 of 1 shown" in words(models_table.not_here(one))
        assert "Show" not in words(models_table.not_here(one))
        five = view(*(entry(str(number), folder=None) for number in range(5)))
        assert words(models_table.not_here(five)).endswith("Show 1 more model")

    def test_only_a_few_models_that_are_not_here_are_shown_at_first(self):
        absent = [entry(str(number), folder=None) for number in range(9)]
        assert "4 of 9 shown" in words(models_table.not_here(view(*absent)))
        assert "9 of 9 shown" in words(models_table.not_here(view(*absent, shows_all=True)))
        assert len(every(models_table.not_here(view(*absent, opened="7")), "models-row")) == 5


class TestAnOpenRow:
    def test_it_says_how_the_catalogue_was_made(self):
        shown = words(details(view(catalogued()), catalogued()))
        for fact in ("1 January 2026, seed 0, with PyVene", "not measured here", "no start mark", "version 3"):
            assert fact in shown

    def test_it_says_what_writing_was_tested_with_and_what_could_not_be(self):
        known = entry(catalogue=FoundCatalogue(writing_catalogue(PYTHIA), is_own=True, is_stale=False))
        assert "Test words240 common words; lists of days" in words(details(view(known), known))
        assert "Namesprefers the right one of two in 90 % of its test sentences" in words(details(view(known), known))
        assert "Not tested" not in words(details(view(known), known))
        other = entry(catalogue=FoundCatalogue(writing_catalogue(OTHER_MODEL), is_own=True, is_stale=False))
        assert f"Not testedPassing on a name. {NO_NAMES_HERE}" in words(details(view(other), other))

    def test_jobs_that_were_not_tested_for_one_reason_stand_together(self):
        shown = words(details(view(catalogued()), catalogued()))
        assert shown.count("Not tested") == 1
        assert "Copying, Holding back, Next in a list, Passing on a name. " in shown

    def test_it_says_which_files_go_where_and_the_path_only_to_whoever_may_know_it(self):
        absent = entry(folder=None)
        shown = words(details(view(absent), absent))
        for part in ("config.json", "model.safetensors", PYTHIA, "pythia-70m", "HEADLIGHT_MODELS_DIR"):
            assert part in shown
        assert "/srv/models" not in shown
        assert "/srv/models" in words(details(view(absent, models_dir="/srv/models"), absent))

    def test_it_asks_before_it_removes_and_says_what(self):
        asked = view(catalogued(), asks=True, removals={PYTHIA: Removal(SHIPPED, fake_catalogue(PYTHIA))})
        shown = words(details(asked, asked.entries[0]))
        assert "Remove Pythia 70M from this computer?" in shown
        assert "its files (166 MB) and the catalogue that was made here" in shown

    def test_an_address_cannot_ask_about_what_cannot_be_removed(self):
        assert "Remove" not in words(details(view(catalogued(), asks=True), catalogued()))


class TestTheRunningAnalysis:
    def test_it_is_a_progressbar_with_the_remaining_time_as_its_text(self):
        bar = every(models_running.layout(view(entry(), status=running())), "models-bar")[0]
        assert bar.role == "progressbar"
        assert getattr(bar, "aria-valuenow") == "61"
        assert getattr(bar, "aria-valuetext") == "About 4 minutes left"

    def test_it_counts_texts_and_lights_the_jobs_that_were_found(self):
        card = models_running.layout(view(entry(), status=running(roles_found=("induction",))))
        assert "43 of 70 texts" in words(card)
        assert len(every(card, "lamp--active")) == 1
        assert every(card, "lamp--active")[0].className.endswith("role-induction")

    def test_rest_is_no_job_that_is_found(self):
        card = models_running.layout(view(entry(), status=running(roles_found=("positional",))))
        assert not every(card, "lamp--active")
        assert len(every(card, "lamp--row")) == len(JOBS)
        assert "none yet" in words(card)

    def test_after_all_texts_it_counts_the_heads_that_were_off(self):
        card = models_running.layout(view(entry(), status=running(n_read=70, n_tested=12, n_heads=48)))
        assert "12 of 48 heads switched off, one at a time" in words(card)
        assert "texts" not in words(card)

    def test_single_words_are_read_between_two_texts(self):
        on_words = words(models_running.progress(running(is_on_words=True))[0])
        assert "43 of 70 texts read by all heads, now single words and names" in on_words
        assert "single words" not in words(models_running.progress(running())[0])

    def test_every_job_has_its_lamp_and_those_found_are_lit(self):
        card = models_running.progress(running(roles_found=("induction", "copying")))[1]
        assert len(every(card, "lamp")) == len(JOBS)
        assert len(every(card, "lamp--active")) == 2
        assert words(card).endswith("induction, copying")

    def test_progress_is_spoken_four_times_only(self):
        def spoken(percent):
            return words(models_running.progress(running(share=percent / 100))[-1])

        assert len({spoken(percent) for percent in range(101)}) == 5
        assert (spoken(24), spoken(25), spoken(74), spoken(100)) == (
            "",
            "25 percent analyzed",
            "50 percent analyzed",
            "100 percent analyzed",
        )

    @pytest.mark.parametrize(
        ("ended", "sentence"),
        [
            (
                {"state": JobState.FAILED, "n_read": 42},
                "The analysis of Pythia 70M stopped at text 43 of 70. The old catalogue is untouched.",
            ),
            (
                {"state": JobState.FAILED, "n_read": 70, "n_tested": 12, "n_heads": 48},
                "The analysis of Pythia 70M stopped with head 13 of 48 off. The old catalogue is untouched.",
            ),
            (
                {"state": JobState.FAILED, "n_read": 0, "n_texts": 0, "had_catalogue": False},
                "The analysis of Pythia 70M stopped before the first text. Nothing was kept.",
            ),
            (
                {"state": JobState.FAILED, "is_on_words": True},
                "The analysis of Pythia 70M stopped while single words were read. The old catalogue is untouched.",
            ),
            ({"state": JobState.STOPPED}, "Stopped. Nothing was kept."),
        ],
    )
    def test_how_it_ended(self, ended, sentence):
        assert models_running.outcome_sentence(running(**ended)) == sentence

    def test_when_it_is_done_it_counts_the_heads(self):
        done = running(state=JobState.DONE, catalogue=fake_catalogue(PYTHIA))
        assert models_running.outcome_sentence(done).startswith("Pythia 70M is ready: ")
        assert words(models_running.outcome(view(entry(), status=done))).endswith("of 32 heads have a job.")

    def test_a_failure_says_why_and_a_screen_reader_waits_for_a_pause(self):
        failed = running(state=JobState.FAILED, problem=UserError("The files are gone.", "Add them again."))
        (told,) = models_running.outcome(view(entry(), status=failed))
        assert words(told).endswith("The old catalogue is untouched.The files are gone. Add them again.Try again")
        assert (told.role, told.className) == ("status", "message message--error")

    def test_a_stopped_one_can_be_started_again_but_not_without_its_files(self):
        stopped = running(state=JobState.STOPPED)
        assert "Start again" in words(models_running.outcome(view(entry(), status=stopped)))
        assert "Start again" not in words(models_running.outcome(view(entry(folder=None), status=stopped)))


class TestPresses:
    def test_one_row_is_open_at_a_time_and_a_second_press_closes_it(self):
        opened = models_page.pressed_search("open", "a", "?model=x&prompt=")
        assert opened == "?model=x&prompt=&open=a"
        assert models_page.pressed_search("open", "b", opened) == "?model=x&prompt=&open=b"
        assert models_page.pressed_search("open", "a", opened) == "?model=x&prompt="

    def test_remove_asks_once_and_keep_closes(self):
        asked = models_page.pressed_search("ask", "a", "?open=b")
        assert asked == "?open=a&ask=remove"
        assert models_page.pressed_search("keep", "a", asked) == "?"

    def test_the_whole_provenance_can_be_downloaded(self, service):
        file = models_page.provenance_file(service, DEFAULT)
        assert file["filename"] == "headlight-classroom-gpt2.json"
        assert parse_catalogues(file["content"], "x")[DEFAULT].provenance == service.catalogue(DEFAULT).provenance

    def test_look_again_says_what_is_still_missing_and_finds_new_files(self, service):
        folder = service.settings.models_dir / "half"
        folder.mkdir()
        shutil.copy(SHIPPED / "config.json", folder)
        assert models_page.do(service, "look", "half", DEFAULT) == "Still missing: 2 files."
        for name in ("model.safetensors", "tokenizer.json"):
            shutil.copy(SHIPPED / name, folder)
        assert models_page.do(service, "look", "half", DEFAULT) == "half is here now."


class TestWhoMayRemove:
    def remove(self, client, **request):
        """Press Remove as a browser does. Returns whether the model is still listed as the page draws it then."""
        outputs = [
            {"id": "models-body", "property": "children"},
            {"id": "models-tick", "property": "disabled"},
            {"id": "toast-told", "property": "data"},
        ]
        pressed = {"action": "remove", "name": "school-model", "type": "models-act"}
        client.get("/")
        answer = client.post(
            "/_dash-update-component",
            json={
                "output": "..models-body.children...models-tick.disabled...toast-told.data..",
                "outputs": outputs,
                "inputs": [[{"id": pressed, "property": "n_clicks", "value": 1}]],
                "state": [{"id": "address", "property": "search", "value": ""}],
                "changedPropIds": [json.dumps(pressed, sort_keys=True, separators=(",", ":")) + ".n_clicks"],
            },
            **request,
        )
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    def test_at_the_computer_itself_a_model_can_be_removed(self, client, service):
        assert "school-model was removed." in self.remove(client)
        assert not (service.settings.models_dir / "school-model").exists()

    @pytest.mark.parametrize(
        "request_from",
        [
            {"environ_base": {"REMOTE_ADDR": "192.168.1.20"}},
            {"environ_base": {"REMOTE_ADDR": "172.17.0.1"}},
            {"headers": {"X-Forwarded-For": "192.168.1.20"}},
        ],
    )
    def test_from_elsewhere_it_cannot(self, client, service, request_from):
        assert "only at the computer that runs Headlight" in self.remove(client, **request_from)
        assert (service.settings.models_dir / "school-model").is_dir()

    def undo(self, client, **request) -> str:
        """Press Undo in the toast as a browser does. Returns what the page draws then."""
        (callback,) = [
            callback
            for callback in json.loads(client.get("/_dash-dependencies").data)
            if callback["inputs"] == [{"id": "toast-undone", "property": "data"}]
        ]
        answer = client.post(
            "/_dash-update-component",
            json={
                "output": callback["output"],
                "outputs": [],
                "inputs": [{"id": "toast-undone", "property": "data", "value": "school-model"}],
                "state": [
                    {"id": "address", "property": "pathname", "value": "/models"},
                    {"id": "address", "property": "search", "value": ""},
                ],
                "changedPropIds": ["toast-undone.data"],
            },
            **request,
        )
        return answer.get_data(as_text=True)

    def test_what_was_removed_can_be_brought_back_but_not_from_elsewhere(self, client, service):
        self.remove(client)
        self.undo(client, headers={"X-Forwarded-For": "192.168.1.20"})
        assert not (service.settings.models_dir / "school-model").exists()
        assert "school-model" in self.undo(client)
        assert (service.settings.models_dir / "school-model").is_dir()

    def test_an_undo_that_comes_too_late_is_a_sentence(self, client):
        assert "It is too late to undo that." in self.undo(client)

    def test_outside_a_request_nobody_may(self):
        assert not asked_from_this_computer()


class TestOffer:
    def test_a_model_without_a_catalogue_offers_to_be_analyzed(self):
        offer = analyze_offer.layout(Question("school-model", "a b c"), is_catalogued=False)
        assert "Analyze this model" in words(offer)
        assert offer[0].role is None, "an offer is no alarm"
        assert every(offer, "analyze-offer")[0].href == "/models?model=school-model&prompt=a+b+c&open=school-model"

    def test_a_catalogued_model_offers_nothing(self):
        assert analyze_offer.layout(QUESTION, is_catalogued=True) == []


def test_names_with_markup_are_text(service):
    hostile = replace(entry("<img src=x onerror=alert(1)>"), display_name="<img src=x onerror=alert(1)>")
    assert "<img src=x onerror=alert(1)>" in words(models_table.here(view(hostile)))
    assert models_table.here(view(hostile)).to_plotly_json()
