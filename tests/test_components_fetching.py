"""Getting a model on the Models page, without a browser: what is offered, what each press does, and who may."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app import create_app
from components.models import models_details, models_fetching, models_page, models_table, models_terms, models_words
from components.models.models_view import models_view
from tests.fake_source import MODEL, NOTE, OTHER, TERMS, TERMS_NAME, FakeSource, source  # noqa: F401
from tests.model_folders import copy_model
from tests.test_components_models import DEFAULT, QUESTION, catalogued, entry, running, view
from tests.test_components_roles import every, words
from utils.errors import UserError
from utils.models import weights
from utils.models.fetching import FetchState, FetchStatus
from utils.models.sources import Offer
from utils.models.sources.terms import acceptances_path, has_accepted
from utils.service import Headlight
from utils.settings import Settings

ELSEWHERE = [
    {"environ_base": {"REMOTE_ADDR": "192.168.1.20"}},
    {"environ_base": {"REMOTE_ADDR": "172.17.0.1"}},
    {"headers": {"X-Forwarded-For": "192.168.1.20"}},
    {"headers": {"Forwarded": "for=192.168.1.20"}},
]
OFFER = Offer(92_871_040, 272_600_000)
NAME = "SmolLM2 135M Instruct"


@pytest.fixture
def service(tmp_path, source) -> Headlight:  # noqa: F811
    return Headlight(Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data"))


@pytest.fixture
def app(service):
    return create_app(service)


def obtainable(**facts):
    usual = {"folder": None, "source": None, "offer": OFFER, "display_name": NAME, "n_bytes": None}
    return entry(MODEL, **(usual | facts))


def fetch(**state) -> FetchStatus:
    usual = {"share": 0.43, "step": "Fetching it, 40 MB are here", "remaining": "Less than a minute left"}
    return FetchStatus(**({"model": MODEL} | usual | state))


def press(client, action: str, name: str = MODEL, **request) -> str:
    """Press a button of the page as a browser does. Returns what the page draws then."""
    pressed = {"action": action, "name": name, "type": "models-act"}
    outputs = [("models-body", "children"), ("models-tick", "disabled"), ("toast-told", "data")]
    client.get("/")
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": f"..{'...'.join('.'.join(output) for output in outputs)}..",
            "outputs": [{"id": each, "property": what} for each, what in outputs],
            "inputs": [[{"id": pressed, "property": "n_clicks", "value": 1}]],
            "state": [{"id": "address", "property": "search", "value": ""}],
            "changedPropIds": [json.dumps(pressed, sort_keys=True, separators=(",", ":")) + ".n_clicks"],
        },
        **request,
    )
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def ask_for_terms(client, name: str = OTHER, **request) -> str:
    """The answer to the row that opens with the terms of a model."""
    place = {"name": name, "type": "models-terms"}
    written = json.dumps(place, sort_keys=True, separators=(",", ":"))
    client.get("/")
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": '{"name":["MATCH"],"type":"models-terms"}.children',
            "outputs": {"id": place, "property": "children"},
            "inputs": [{"id": place, "property": "id", "value": place}],
            "changedPropIds": [f"{written}.id"],
        },
        **request,
    )
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


class TestWhatARowOffers:
    def test_it_says_what_comes_and_the_licence_and_offers_to_get_it(self):
        row = words(models_table.not_here(view(obtainable(), is_operator=True)))
        assert "Can be fetched93 MB to fetch, 273 MB on disk." in row
        assert "Apache 2.0" in row
        assert row.endswith("Get it")

    def test_from_another_computer_there_is_a_sentence_and_no_button(self):
        page = models_table.not_here(view(obtainable()))
        assert words(page).endswith("Ask whoever runs Headlight.")
        assert every(page, "btn-quiet") == []

    @pytest.mark.parametrize("facts", [{"offer": None}, {"offer": None, "is_gated": True}])
    def test_what_cannot_be_had_is_not_a_pupils_business_either(self, facts):
        assert words(models_table.not_here(view(obtainable(**facts)))).endswith("Ask whoever runs Headlight.")

    def test_a_model_whose_heads_are_known_says_so_and_stands_first(self):
        known = catalogued(name=OTHER, display_name="Gemma", folder=None, offer=OFFER)
        page = models_table.not_here(view(entry(folder=None), obtainable(), known, is_operator=True))
        assert [words(row).split("GPT-NeoX")[0] for row in every(page, "models-name")] == ["Gemma", NAME, "Pythia 70M"]
        assert "273 MB on disk. Its heads are catalogued already." in words(page)

    def test_while_it_is_fetched_its_row_says_so_and_the_others_wait(self):
        page = models_table.not_here(
            view(obtainable(), catalogued(name=OTHER, folder=None, offer=OFFER), fetch=fetch(), is_operator=True)
        )
        assert "On its way" in words(page)
        assert [button.disabled for button in every(page, "btn-quiet")] == [True]

    @pytest.mark.parametrize(
        ("offer", "said"),
        [
            (OFFER, "93 MB to fetch, 273 MB on disk"),
            (Offer(496_000_000, 496_000_000, is_estimate=True), "about 496 MB to fetch"),
            (Offer(None, 800_000_000, needs_network=False, is_estimate=True), "about 800 MB on disk"),
            (Offer(), ""),
            (None, ""),
        ],
    )
    def test_sizes_of_an_offer(self, offer, said):
        assert models_words.to_fetch(offer) == said

    def test_an_owner_who_asks_for_an_account_is_told_only_where_no_other_source_has_it(self):
        assert obtainable(is_gated=True).readiness.value == "obtainable"
        assert obtainable(is_gated=True, offer=replace(OFFER, needs_account=True)).readiness.value == "needs_permission"

    def test_what_is_not_all_here_can_be_fetched_too(self):
        begun = obtainable(folder=models_details, found=("config.json",), missing=("model.safetensors",))
        row = words(models_table.here(view(begun, is_operator=True)))
        assert "Not completeFound config.json. Still missing: model.safetensors.Look againGet it" in row
        assert "Get it" not in words(models_table.here(view(begun)))
        assert "On its way" in words(models_table.here(view(begun, fetch=fetch(), is_operator=True)))

    def test_instructions_are_folded_where_a_press_does_the_same_or_nobody_here_could_follow_them(self):
        def is_open(state, **facts):
            (folded,) = [
                part
                for part in models_details.layout(state, obtainable(**facts))._traverse()
                if type(part).__name__ == "Details"
            ]
            assert words(folded).startswith("For whoever runs HeadlightTo add it without a network")
            return folded.open

        assert not is_open(view(is_operator=True))
        assert not is_open(view(), offer=None)
        assert is_open(view(is_operator=True), offer=None)

    def test_an_open_row_says_what_get_it_does(self):
        assert "fetched once, checked, and kept on this computer: 93 MB" in words(
            models_details.layout(view(is_operator=True), obtainable())
        )
        gguf = obtainable(offer=Offer(None, 8_000_000, needs_network=False, is_estimate=True))
        assert "Its GGUF file is here." in words(models_details.layout(view(is_operator=True), gguf))


class TestTheRunningFetch:
    def test_it_is_a_card_with_a_bar_the_step_the_time_left_and_stop(self):
        card = models_fetching.layout(view(obtainable(), fetch=fetch(), is_operator=True))
        bar = every(card, "models-bar")[0]
        assert (bar.role, getattr(bar, "aria-valuenow")) == ("progressbar", "43")
        shown = words(card)
        assert shown.startswith("Getting SmolLM2 135M Instruct93 MB to fetch, 273 MB on disk, Apache 2.0")
        for part in ("43 %", "Fetching it, 40 MB are here", "Less than a minute left", "Stop"):
            assert part in shown

    def test_stop_is_for_whoever_runs_headlight(self):
        assert every(models_fetching.layout(view(obtainable(), fetch=fetch())), "btn-quiet") == []

    def test_a_fetch_and_an_analysis_are_both_shown(self):
        page = models_page.body(view(entry(), obtainable(), status=running(), fetch=fetch(), is_operator=True))
        assert [words(part)[:16] for part in every(page_of(page), "models-running-title")] == [
            "Getting SmolLM2 ",
            "Analyzing Pythia",
        ]
        assert "One is being analyzed. One is on its way." in words(page[0]).replace("more ", "")

    @pytest.mark.parametrize(
        ("ended", "facts", "told"),
        [
            ({"state": FetchState.DONE}, {"folder": models_details}, f"{NAME} is here.Use it"),
            ({"state": FetchState.DONE}, {}, None),  # removed since
            ({"state": FetchState.STOPPED}, {}, "Stopped. Nothing was kept.Start again"),
            ({"state": FetchState.STOPPED}, {"folder": models_details}, None),  # added by hand since
            (
                {"state": FetchState.FAILED, "problem": UserError("The disk is full.", "Make room.")},
                {},
                "The disk is full.Make room.Try again",
            ),
            (
                {"state": FetchState.FAILED},
                {},
                "It could not be fetched, for a reason that nobody foresaw."
                "The log of Headlight has the details.Try again",
            ),
        ],
    )
    def test_how_it_ended(self, ended, facts, told):
        outcome = models_fetching.outcome(view(obtainable(**facts), fetch=fetch(**ended), is_operator=True))
        assert [words(part) for part in outcome] == ([told] if told else [])
        assert all(part.role == "status" for part in outcome)

    def test_only_whoever_runs_headlight_is_offered_to_try_again(self):
        outcome = models_fetching.outcome(view(obtainable(), fetch=fetch(state=FetchState.STOPPED)))
        assert words(outcome[0]) == "Stopped. Nothing was kept."


def page_of(parts):
    from dash import html

    return html.Div(parts)


class TestPresses:
    def test_get_it_stop_get_it_again_and_it_is_here(self, client, service, source):  # noqa: F811
        assert f"Getting {NAME}" in press(client, "get")
        assert service.fetch_status().is_running
        press(client, "stop-fetch")
        assert service.fetches.wait(10).state is FetchState.STOPPED
        assert not list((service.settings.data_dir / "models").glob("*SmolLM2*-Instruct"))
        press(client, "get-again")
        source.go_on.set()
        assert service.fetches.wait(20).state is FetchState.DONE
        assert service.analyze(MODEL, "The cat sat on the mat.").forward.n_layers == 4

    @pytest.mark.parametrize("request_from", ELSEWHERE)
    def test_from_elsewhere_nothing_can_be_started_stopped_or_accepted(self, client, service, request_from):
        for action in ("get", "get-again"):
            assert "only at the computer that runs Headlight" in press(client, action, **request_from)
        assert "only at the computer that runs Headlight" in press(client, "accept", OTHER, **request_from)
        assert service.fetch_status() is None
        assert not acceptances_path(service.settings).exists()
        service.start_fetch(MODEL)
        assert "only at the computer that runs Headlight" in press(client, "stop-fetch", **request_from)
        assert service.fetch_status().is_running

    @pytest.mark.parametrize("request_from", ELSEWHERE)
    def test_from_elsewhere_no_terms_are_fetched(self, client, monkeypatch, request_from):
        monkeypatch.setattr(FakeSource, "terms", lambda *_arguments: pytest.fail("fetched"))
        assert "only at the computer that runs Headlight" in ask_for_terms(client, **request_from)

    def test_two_presses_are_one_fetch_and_another_model_has_to_wait(self, client, service):
        press(client, "get")
        begun = service.fetches._thread
        press(client, "get")
        assert service.fetches._thread is begun
        assert "One at a time." in press(client, "accept", OTHER)

    def test_what_is_here_is_not_fetched_again(self, client, service):
        copy_model(service.settings.data_dir / "models" / "SmolLM2-135M-Instruct")
        assert "is here already." in press(client, "get")
        assert service.fetch_status() is None

    @pytest.mark.parametrize("name", ["../etc", "no-such-model", "", "https://example.org/x"])
    def test_a_name_that_nobody_knows_is_refused(self, client, service, name):
        for action in ("get", "accept"):
            assert "does not know a model of that name" in press(client, action, name)
        assert service.fetch_status() is None

    def test_a_problem_is_told_in_its_own_words(self, client, service, source):  # noqa: F811
        source.problem = UserError("The package registry cannot be reached.", "Check that pip works.", status=503)
        press(client, "get")
        source.go_on.set()
        service.fetches.wait(10)
        told = words(page_of(models_page.body(models_view(service, QUESTION, ""))))
        assert "The package registry cannot be reached.Check that pip works." in told


class TestTerms:
    def test_get_it_leads_to_the_terms_and_reading_comes_first(self):
        gemma = obtainable(offer=replace(OFFER, terms=TERMS_NAME))
        (button,) = every(models_table.not_here(view(gemma, is_operator=True)), "btn-quiet")
        assert (words(button), button.id["action"]) == ("Get it", "terms")
        assert models_page.pressed_search("terms", "a", "?model=x") == "?model=x&open=a&ask=terms"
        assert models_page.pressed_search("keep", "a", "?model=x&open=a&ask=terms") == "?model=x"

    def test_fetching_before_the_terms_were_accepted_is_refused(self, client, service):
        assert "have to be read and accepted first" in press(client, "get", OTHER)
        assert service.fetch_status() is None

    def test_their_words_are_text_in_a_box_that_a_keyboard_can_scroll(self, service, app):
        with app.server.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
            box, answers = models_terms.words(service, OTHER)
        assert [words(line) for line in box.children] == [line for line in TERMS.splitlines() if line]
        assert (box.role, box.tabIndex, getattr(box, "aria-label")) == ("region", 0, "The terms")
        assert words(answers) == "I have read and accept themNot now"

    def test_terms_that_cannot_be_had_say_why_and_cannot_be_accepted(self, client, source):  # noqa: F811
        source.terms_problem = UserError("The package registry cannot be reached.", "Check pip.", status=503)
        answer = ask_for_terms(client)
        assert "The package registry cannot be reached." in answer
        assert "accept" not in answer
        assert "Not now" in answer

    def test_where_nothing_can_be_kept_the_terms_say_so(self, client, service):
        service.settings.data_dir.mkdir()
        (service.settings.data_dir / "models").write_text("a file where the directory would be")
        assert "Headlight cannot write into its data directory" in ask_for_terms(client)
        assert "Headlight cannot write into its data directory" in press(client, "accept", OTHER)

    def test_accepting_keeps_which_terms_and_starts_the_fetch(self, client, service):
        assert "Getting Gemma 3 270M" in press(client, "accept", OTHER)
        assert has_accepted(OTHER, service.settings)
        assert service.fetch_status().is_running

    def test_an_address_asks_for_terms_only_where_they_are_still_to_be_accepted_and_here(self, service, app):
        search = f"?open={OTHER}&ask=terms"

        def asked(**request):
            with app.server.test_request_context(**request):
                state = models_view(service, QUESTION, search)
                gemma = next(each for each in state.entries if each.name == OTHER)
                return state.terms_to_accept(gemma)

        here = {"environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
        assert asked(**here) == TERMS_NAME
        assert asked(environ_base={"REMOTE_ADDR": "192.168.1.20"}) is None
        service.accept_terms(OTHER)
        assert asked(**here) is None


class TestAFetchedModel:
    @pytest.fixture
    def fetched(self, service, source, monkeypatch):  # noqa: F811
        """The fetched model, whose weights are those of the catalogue that ships."""
        source.go_on.set()
        service.start_fetch(MODEL)
        service.fetches.wait(20)
        of_catalogue = service._listed(MODEL).catalogue.catalogue.provenance.weights
        monkeypatch.setattr(weights, "remembered_weights_name", lambda _folder: of_catalogue)
        return service._listed(MODEL)

    def test_it_is_catalogued_at_once(self, service, fetched):
        page = words(models_table.here(models_view(service, QUESTION, "")))
        assert f"{NAME}Llama family, from the package registry. 4-bit weights, as distributed" in page
        assert "Catalogued" in page.split(NAME)[1].split("Remove")[0]
        assert fetched.readiness.value == "catalogued"

    def test_its_card_says_what_it_was_made_from_with_hashes_folded(self, fetched):
        card = models_details.layout(view(), fetched)
        assert f"Made from{NOTE.made_from}" in words(card)
        assert "Q4_1: 4-bit weights, as distributed" in words(card)
        (folded,) = [part for part in card._traverse() if type(part).__name__ == "Details"]
        assert all(digest in words(folded) for digest in NOTE.hashes.values())

    def test_it_can_be_removed_and_brought_back(self, client, service, fetched):
        assert f"{NAME} was removed." in press(client, "remove")
        assert not fetched.folder.exists()
        service.undo_removal(MODEL)
        assert service._listed(MODEL).is_here
        assert service._listed(MODEL).note == NOTE

    def test_after_its_removal_it_can_be_fetched_again(self, client, service, fetched):
        press(client, "remove")
        press(client, "get")
        assert service.fetches.wait(20).state is FetchState.DONE
        assert fetched.folder.is_dir()

    def test_the_one_in_use_stays(self, service, fetched):
        with pytest.raises(UserError, match="in use"):
            service.remove_model(MODEL, in_use=MODEL)
        assert service.removable(fetched, DEFAULT) is not None


class TestAFolderThatCannotBeRead:
    def spoil(self, service, name: str, **config) -> None:
        folder = copy_model(service.settings.models_dir / name)
        said = json.loads((folder / "config.json").read_text(encoding="utf-8")) | config
        (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")

    def test_it_says_why_in_its_row_and_what_to_do_in_the_open_one(self, service):
        self.spoil(service, "squeezed", quantization_config={"quant_method": "gptq"})
        self.spoil(service, "strange", model_type="mamba")
        lora = service.settings.models_dir / "lora"
        lora.mkdir()
        (lora / "adapter_config.json").write_text("{}")
        (lora / "config.json").write_text('{"model_type": "gpt2"}')
        state = models_view(service, QUESTION, "")
        rows = words(models_table.here(state))
        reasons = {
            "squeezed": ("squeezed cannot be read: its weights are quantised with gptq.", "plain weights"),
            "strange": ('Headlight cannot read the family "mamba". It reads: GPT-2', "one of these families"),
            "lora": ("The folder lora holds only an adapter (LoRA), which changes another model", "merge_and_unload"),
        }
        for name, (reason, hint) in reasons.items():
            assert f"Cannot be read{reason}" in rows
            found = next(each for each in state.entries if each.name == name)
            assert hint in words(models_details.layout(state, found))
            assert not found.is_here
