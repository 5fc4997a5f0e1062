"""Frame, messages and wiring: what stands around every page, and what happens when something goes wrong."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from app import create_app
from components import frame, messages
from components.address import Question, learn_href
from tests.fake_service import MISSING_MODEL, MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.test_components_roles import every, words
from utils.errors import Fix, Notice, UserError
from utils.models.sources.store import SourceNote
from utils.settings import Settings

QUESTION = Question(MODEL, PLAIN)
NOTE = SourceNote(made_from="a.gguf of the package a 1.0", quantisation="Q4_1", bits=4, hashes={})


def ask(client, output: str, inputs: list[dict], state: list[dict] | None = None, **more):
    """Call one callback as the browser does."""
    client.get("/")
    body = {"output": output, "outputs": more.pop("outputs"), "inputs": inputs, "state": state or [], **more}
    return client.post("/_dash-update-component", json=body)


def open_page(client, path: str, search: str):
    """The answer of the router for an address."""
    return ask(
        client,
        ".._pages_content.children..._pages_store.data..",
        [
            {"id": "_pages_location", "property": "pathname", "value": path},
            {"id": "_pages_location", "property": "search", "value": search},
        ],
        [{"id": "_pages_location", "property": "search", "value": search}],
        outputs=[{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        changedPropIds=["_pages_location.search"],
    )


class TestFrame:
    def test_the_current_page_is_marked_and_links_carry_the_question(self):
        links = frame.nav_links("/heads", QUESTION)
        assert [words(link) for link in every(links, "is-here")] == ["All heads"]
        assert all(MODEL in link.href and "lonely" in link.href for link in every(links, "nav-link"))

    def test_a_link_to_a_lesson_carries_the_question(self):
        assert learn_href(MODEL, "a & b", "learn-tokens") == f"/learn?model={MODEL}&prompt=a+%26+b#learn-tokens"

    def test_the_footer_tells_of_weights_that_were_distributed_with_fewer_bits(self):
        choices = [replace(choice, note=NOTE) for choice in FakeHeadlight().models() if choice.name == MODEL]
        assert frame.model_facts(choices, MODEL) == "Classroom GPT-2: 4-bit weights, as distributed."
        assert frame.model_facts(FakeHeadlight().models(), MODEL) == ""

    def test_the_footer_follows_the_address(self, client, service, monkeypatch):
        choices = [replace(choice, note=NOTE) for choice in service.models()]
        monkeypatch.setattr(service, "models", lambda: choices)
        places = ("frame-home.href", "nav-header.children", "nav-drawer.children")
        places += ("models-header.children", "models-drawer.children")
        places += ("ask-chat.hidden", "ask-chat.aria-checked", "frame-model-facts.children")
        answer = ask(
            client,
            f"..{'...'.join(places)}..",
            [
                {"id": "address", "property": "pathname", "value": "/"},
                {"id": "address", "property": "search", "value": f"?model={MODEL}"},
            ],
            outputs=[dict(zip(("id", "property"), place.split("."), strict=True)) for place in places],
            changedPropIds=["address.search"],
        )
        facts = json.loads(answer.data)["response"]["frame-model-facts"]["children"]
        assert facts == "Classroom GPT-2: 4-bit weights, as distributed."

    def test_the_footer_promises_only_what_holds_where_it_runs(self):
        here = words(frame.layout(FakeHeadlight()))
        school = words(frame.layout(FakeHeadlight(Settings(host="0.0.0.0"))))
        assert "Nothing you type leaves it." in here
        assert "Runs on your school’s server." in school
        assert "Nothing you type leaves it." not in school


class TestMessages:
    def test_an_error_leads_on_with_the_students_own_text(self):
        shown = messages.error(UserError("No.", "Do this.", fix=Fix("Use it", model="other")), QUESTION)
        assert words(shown) == "No.Do this.Use it"
        button = every(shown, "btn-quiet")[0]
        assert "model=other" in button.href
        assert "lonely" in button.href

    def test_a_fix_that_changes_nothing_leads_to_the_prompt(self):
        shown = messages.notice(Notice("Cut.", "Shorter.", Fix("Edit the text")), QUESTION)
        assert len(every(shown, "edit-text")) == 1

    def test_an_empty_prompt_is_no_error(self):
        shown = messages.error(UserError("Type something to read.", ""), Question(MODEL, "  "))
        assert "message--error" not in shown.className
        assert "sign-bulb" in every(shown, "sign")[0].className
        assert every(shown, "message-hint") == []

    def test_unexpected_trouble_is_logged_and_told_in_one_sentence(self, caplog, monkeypatch):
        told = {}
        monkeypatch.setattr(messages, "set_props", lambda target, props: told.update({target: props}))
        messages.report_failure(RuntimeError("secret detail"))
        assert "secret detail" in caplog.text
        assert "secret" not in words(told[messages.Ids.region]["children"])


class TestWiring:
    def test_every_callback_id_is_in_the_validation_layout(self, app, client):
        client.get("/")
        ids = [getattr(part, "id", None) for part in app.validation_layout._traverse()]
        known = {each for each in ids if isinstance(each, str)}
        for callback in json.loads(client.get("/_dash-dependencies").data):
            for each in (*callback["inputs"], *callback["state"]):
                assert each["id"].startswith("{") or each["id"] in known, each["id"]

    def test_starting_asks_no_model(self):
        service = FakeHeadlight()
        client = create_app(service).server.test_client()
        client.get("/")
        client.get("/_dash-layout")
        assert service.asked == []

    def test_the_router_analyses_the_address(self, client, service):
        answer = open_page(client, "/", f"?model={MODEL}&prompt={PLAIN}")
        assert "of five jobs of looking light up." in answer.get_data(as_text=True)
        assert (MODEL, PLAIN) in service.asked

    @pytest.mark.parametrize("search", ["?unknown=1", "?model=&prompt=&x", "?layer=abc", "?prompt=%00", "?prompt=%ff"])
    def test_an_odd_address_is_answered_with_a_page(self, client, search):
        assert open_page(client, "/", search).status_code == 200

    def test_a_refusal_is_a_page_that_keeps_the_text(self, client):
        answer = open_page(client, "/", f"?model={MISSING_MODEL}&prompt={PLAIN}").get_data(as_text=True)
        assert "GPT-2 is not on this computer." in answer
        assert "lonely" in answer

    @pytest.mark.parametrize("path", ["/nonsense", "/learn/induction"])
    def test_a_dead_address_is_a_sentence_with_a_way_home(self, client, path):
        answer = open_page(client, path, f"?prompt={PLAIN}").get_data(as_text=True)
        assert "There is no page at this address." in answer
        assert "404" not in answer
        assert "lonely" in answer

    def test_a_card_header_changes_only_the_stage_and_the_cards(self, client):
        cards = [{"id": {"type": "job", "role": role}, "property": "className"} for role in ("induction", "diffuse")]
        presses = [
            {"id": {"type": "job-header", "role": role}, "property": "n_clicks", "value": value}
            for role, value in (("induction", None), ("diffuse", 1))
        ]
        answer = ask(
            client,
            '..stage.children...{"role":["ALL"],"type":"job"}.className..',
            [presses],
            [{"id": "address", "property": "search", "value": f"?prompt={REPEATING}"}],
            outputs=[{"id": "stage", "property": "children"}, cards],
            changedPropIds=['{"role":"diffuse","type":"job-header"}.n_clicks'],
        )
        response = json.loads(answer.data)["response"]
        assert "Diffuse, as head" in json.dumps(response["stage"])
        assert "is-on-stage" in json.dumps(response)
        assert len(answer.data) < 40_000

    def test_answers_travel_compressed_where_the_browser_allows_it(self, client):
        client.get("/")
        plain = client.get("/_dash-layout", headers={"Accept-Encoding": "identity"})
        packed = client.get("/_dash-layout", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) < len(plain.data) / 2

    def test_no_foreign_host_is_named_by_the_start_page(self, client):
        page = client.get("/").get_data(as_text=True)
        assert "https://" not in page.replace("https://dash.plotly.com", "").replace("http://www.w3.org", "")
