"""What a student does on the Roles page, in a real browser."""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from app import create_app
from components.prompt_bar import EXAMPLES
from tests.fake_service import MISSING_MODEL, MODEL, OTHER_MODEL, PLAIN, REPEATING
from utils.chat import ChatTurn
from utils.demonstration import demonstrate
from utils.example_texts import DEFAULT_PROMPT
from utils.service import Headlight
from utils.settings import Settings

HOSTILE = "</script><img src=x onerror=alert(1)>"
WAIT_S = 10


class Page:
    """The Roles page as a student sees and drives it."""

    def __init__(self, duo, app):
        self.duo = duo
        self.driver = duo.driver
        duo.start_server(app)

    def open(self, path: str = "/", **parameters: str) -> None:
        query = f"?{urlencode(parameters)}" if parameters else ""
        self.driver.get(f"{self.duo.server_url}{path}{query}")
        self.until(lambda: self.find("#headline, h1"))

    def until(self, condition, message: str = ""):
        return WebDriverWait(self.driver, WAIT_S, ignored_exceptions=[Exception]).until(
            lambda _driver: condition(), message
        )

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text_of(self, selector: str) -> str:
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def prompt(self) -> str:
        return self.run("return document.querySelector('#ask-text').value")

    def card(self, role: str) -> str:
        return f".job.role-{role}"

    def status(self, role: str) -> str:
        return self.text_of(f"{self.card(role)} .job-status")

    def type_prompt(self, text: str, then: str = Keys.ENTER) -> None:
        field = self.find("#ask-text")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text + then)

    def search(self) -> str:
        return self.run("return decodeURIComponent(location.search.replaceAll('+', ' '))")

    def wait_for_prompt_in_address(self, text: str) -> None:
        self.until(lambda: text in self.search(), f"{text!r} in the address")

    def resize(self, width: int) -> None:
        screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width <= 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def page(dash_duo, app) -> Page:
    return Page(dash_duo, app)


@pytest.fixture(scope="session")
def real_service() -> Headlight:
    return Headlight(Settings())


@pytest.fixture
def real_page(dash_duo, real_service) -> Page:
    return Page(dash_duo, create_app(real_service))


def test_typing_a_repetition_lights_the_induction_card(real_page):
    real_page.open(prompt=PLAIN)
    assert real_page.status("induction") == "Cannot show on this text"
    real_page.type_prompt("red blue green cat dog red blue green cat dog red blue")
    real_page.until(lambda: real_page.status("induction").startswith("Active: "))
    assert real_page.find(f"{real_page.card('induction')} .lamp--active")
    assert real_page.errors() == []


def test_a_suggested_prompt_fills_the_bar_and_lights_a_grey_card(real_page):
    real_page.open(prompt=PLAIN)
    card = real_page.card("induction")
    suggestion = real_page.find_all(f"{card} .chip")[-1]
    promised = suggestion.text
    suggestion.click()
    real_page.until(lambda: real_page.status("induction").startswith("Active: "))
    assert real_page.prompt() != PLAIN
    n_active = real_page.status("induction").removeprefix("Active: ").split()[0]
    assert f"lights {n_active} of" in promised.lower()


def test_on_the_list_the_model_guesses_what_its_induction_heads_look_at(real_service):
    analysis = real_service.analyze(real_service.settings.default_model, dict(EXAMPLES)["A shopping list"])
    focus = demonstrate(analysis, "induction").focus
    assert analysis.forward.predictions[0].token.word == analysis.forward.tokens[focus.key_pos].word == "butter"


def test_markup_in_a_prompt_shows_as_itself(real_page):
    real_page.open(prompt=HOSTILE)
    shown = "".join(token.text for token in real_page.find_all(".token") if token.text != "start")
    assert shown.replace("\n", "") == HOSTILE.replace(" ", "")
    assert real_page.find_all("img") == []
    assert real_page.prompt() == HOSTILE


def test_a_link_to_a_layer_that_does_not_exist_says_so_and_leads_on(real_page):
    real_page.open("/head", prompt=REPEATING, layer="7", head="0")
    assert "There is no layer 7, head 0." in real_page.text_of("#content")
    real_page.find(".error-page .btn").click()
    real_page.until(lambda: "layer=7" not in real_page.search())
    real_page.until(lambda: "There is no layer" not in real_page.text_of("#content"))


def test_the_first_load_shows_the_default_prompt_analysed(page):
    page.open()
    assert page.prompt() == DEFAULT_PROMPT
    assert page.text_of("#headline").endswith("on your text.")
    assert page.errors() == []


def test_an_address_is_analysed_when_it_is_opened(page):
    page.open(model=MODEL, prompt=PLAIN)
    assert page.text_of("#headline") == "Two of five jobs of looking light up. Two need repetition."
    assert page.prompt() == PLAIN


def test_enter_analyses_and_shift_enter_breaks_the_line(page):
    page.open()
    page.type_prompt("one two three", then=Keys.SHIFT + Keys.ENTER)
    page.find("#ask-text").send_keys(Keys.SHIFT, "x")
    assert page.prompt() == "one two three\nX"
    page.type_prompt("one two three four")
    page.wait_for_prompt_in_address("prompt=one two three four")
    assert page.run("return document.activeElement.id") == "ask-text"


def test_the_button_analyses_and_back_brings_the_earlier_text(page):
    page.open(prompt=PLAIN)
    page.type_prompt(REPEATING, then="")
    page.find("#ask-analyze").click()
    page.until(lambda: page.status("induction") == "Active: 3 of 3 heads")
    page.driver.back()
    page.until(lambda: page.status("induction") == "Cannot show on this text")
    page.until(lambda: page.prompt() == PLAIN)


def test_slash_goes_to_the_prompt(page):
    page.open()
    page.find("body").send_keys("/")
    assert page.run("return document.activeElement.id") == "ask-text"
    assert not page.prompt().endswith("/")


def test_say_it_twice_repeats_the_text_and_undo_brings_it_back(page):
    page.open(prompt=PLAIN)
    page.find(f"{page.card('duplicate_token')} .chip").click()
    page.until(lambda: page.prompt() == f"{PLAIN}. {PLAIN}.")
    page.until(lambda: page.status("induction").startswith("Active"))
    page.until(lambda: page.text_of("#toast-text") == "Your text now stands there twice.")
    page.find("#toast-undo").click()
    page.until(lambda: page.prompt() == PLAIN)
    page.until(lambda: page.status("induction") == "Cannot show on this text")


def test_an_example_replaces_the_text_and_undo_brings_back_what_was_typed(page):
    page.open(prompt=PLAIN)
    page.type_prompt("my own words, never analysed", then="")
    page.find(".ask-examples-toggle").click()
    page.until(lambda: page.find(".ask-examples .menu-item").is_displayed())
    page.find_all(".ask-examples .menu-item")[1].click()
    page.until(lambda: page.prompt() == REPEATING)
    page.until(lambda: page.find("#toast-undo").is_displayed())
    page.find("#toast-undo").click()
    page.until(lambda: page.prompt() == "my own words, never analysed")


def test_a_press_on_a_card_puts_its_role_on_the_stage(page):
    page.open(prompt=REPEATING)
    assert page.text_of("#stage-title") == "Induction, as head L2H3 does it"
    page.find(f"{page.card('duplicate_token')} .job-header").click()
    page.until(lambda: page.text_of("#stage-title") == "Duplicate token, as head L0H2 does it")
    assert page.find_all(".job.is-on-stage")[0].get_attribute("class").count("role-duplicate_token") == 1
    assert len(page.find_all(".job.is-on-stage")) == 1


def test_a_head_row_leads_to_the_head(page):
    page.open(prompt=REPEATING)
    page.find(f"{page.card('induction')} .head-row").click()
    page.until(lambda: page.run("return location.pathname") == "/head")
    assert "layer=2" in page.search()
    assert "head=3" in page.search()


def test_the_strip_draws_arcs_and_the_bracket_of_equal_tokens(page):
    page.open(prompt=REPEATING)
    page.until(lambda: len(page.find_all(".arc")) == 7)
    assert page.run("return document.querySelector('.bracket-label').textContent") == "same token"
    assert page.find(".token--query").text == "the"
    assert page.find(".token--key").text == "river"


def test_the_strip_is_one_tab_stop_and_arrows_move_in_it(page):
    page.open(prompt=REPEATING)
    page.until(lambda: page.find_all(".arc"))
    stops = page.find_all('.token[tabindex="0"]')
    assert len(stops) == 1
    page.run("arguments[0].focus()", stops[0])
    page.find(".token:focus").send_keys(Keys.ARROW_LEFT)
    assert page.run("return document.activeElement.ariaLabel").startswith("in, position 16, looks at the, position 7, ")
    page.find(".token:focus").send_keys(Keys.HOME)
    assert page.run("return document.activeElement.parentElement.dataset.pos") == "0"


def test_the_sentence_and_the_colour_follow_the_token_in_focus(page):
    page.open(prompt=REPEATING)
    page.until(lambda: page.find_all(".arc"))
    stop = page.find('.token[tabindex="0"]')
    page.run("arguments[0].focus()", stop)
    assert page.find(".strip-follow").text.startswith("At the17 L2H3 looks most at river8, with ")
    assert page.find(".strip-follow").text.endswith("this counts for induction.")
    assert not page.find(".strip-sentence").is_displayed()
    assert page.find(".token.is-reading:not(.is-neutral)")
    stop.send_keys(Keys.HOME)
    assert page.find(".strip-follow").text.endswith("this does not count for induction.")
    assert page.find(".token.is-reading.is-neutral")
    assert page.find_all(".arc:not(.is-neutral)") == []
    page.run("document.activeElement.blur()")
    assert page.find(".strip-sentence").is_displayed()


def test_a_text_on_several_lines_has_no_arcs(page):
    page.open(prompt=f"{REPEATING} river. " * 3)
    page.until(lambda: page.find_all(".strip.is-wrapped"))
    page.run("arguments[0].focus()", page.find('.token[tabindex="0"]'))
    assert page.find(".strip-follow").is_displayed()
    assert page.find_all(".arc") == []


def test_the_text_survives_a_walk_through_all_pages(page):
    page.open(prompt=PLAIN)
    for name, path in (("Learn", "/learn"), ("All heads", "/heads"), ("Learn", "/learn"), ("Roles", "/")):
        page.duo.driver.find_element(By.LINK_TEXT, name).click()
        page.until(lambda path=path: page.run("return location.pathname") == path)
        page.wait_for_prompt_in_address(f"prompt={PLAIN}")
    page.until(lambda: page.text_of("#headline").startswith("Two of five"))
    assert page.prompt() == PLAIN


def test_a_second_toast_has_its_whole_time(page):
    page.open()
    show = "headlightToast.openMs = 800; headlightToast.show(arguments[0], '')"
    page.run(show, "one")
    time.sleep(0.5)
    page.run(show, "two")
    time.sleep(0.5)
    assert page.text_of("#toast-text") == "two"
    assert page.find("#toast").is_displayed()
    page.until(lambda: not any(toast.is_displayed() for toast in page.find_all("#toast")))


def test_a_new_result_is_announced_once(page):
    page.open(prompt=PLAIN)
    page.until(lambda: page.run("return document.querySelector('#announcer').textContent").startswith("Two of five"))
    page.type_prompt(REPEATING)
    page.until(lambda: page.run("return document.querySelector('#announcer').textContent").startswith("Four of five"))


def test_an_empty_prompt_asks_for_a_text_and_offers_an_example(page):
    page.open(prompt="   ")
    assert page.text_of("#headline") == "Type something to read."
    page.find(".error-page .btn").click()
    page.until(lambda: page.prompt() == REPEATING)


def test_a_model_that_is_not_here_keeps_the_text_and_offers_another(page):
    page.open(model=MISSING_MODEL, prompt=PLAIN)
    assert page.text_of("#headline") == "GPT-2 is not on this computer."
    assert page.prompt() == PLAIN
    page.find(".error-page .btn").click()
    page.until(lambda: "Two of five" in page.text_of("#headline"))
    assert page.prompt() == PLAIN


def test_the_model_menu_asks_another_model_about_the_same_text(page):
    page.open(prompt=REPEATING)
    page.find(".header .model-toggle").click()
    page.until(lambda: page.find(".header .model-menu .menu-item").is_displayed())
    page.find_all(".header .model-menu .menu-item")[1].click()
    page.until(lambda: page.status("current_token").startswith("Active"))
    assert "model=classroom-neox" in page.search()
    page.until(lambda: "Classroom Pythia" in page.text_of(".header .model-toggle"))


def test_unexpected_trouble_is_one_sentence_and_the_page_stays(page, service):
    page.open(prompt=PLAIN)
    service.analyze = None  # whatever calls it now fails
    page.type_prompt(REPEATING)
    page.until(lambda: "Something went wrong on our side." in page.text_of("#message-region"))
    assert "Traceback" not in page.run("return document.body.innerText")
    assert page.prompt() == REPEATING


def test_a_late_answer_never_replaces_a_newer_one(dash_duo, service):
    answer = service.analyze

    def slow_for_plain(model: str, prompt: str):
        if prompt == PLAIN:
            time.sleep(2)
        return answer(model, prompt)

    service.analyze = slow_for_plain
    page = Page(dash_duo, create_app(service))
    page.open(prompt=REPEATING)
    page.type_prompt(PLAIN)
    page.until(lambda: page.run("return 'busy' in document.documentElement.dataset"))
    assert page.text_of("#ask-analyze") == "Analyzing …"
    page.type_prompt("one two three four one two three four")
    page.until(lambda: len(page.find_all(".token")) == 8)
    time.sleep(2.2)
    assert len(page.find_all(".token")) == 8
    assert page.text_of("#ask-analyze") == "Analyze"


def test_a_cut_text_says_so_and_leads_back_to_it(page):
    page.open(prompt="word " * 200)
    assert "Your text was cut at 128 tokens." in page.text_of(".message")
    assert page.text_of("#ask-count").endswith("of 128 tokens")
    page.find(".message .edit-text").click()
    assert page.run("return document.activeElement.id") == "ask-text"


def test_the_theme_follows_the_system_until_chosen_and_is_kept(page):
    page.open()
    assert page.run("return document.documentElement.dataset.bsTheme") == "light"
    page.find(".header .theme-switch").click()
    assert page.run("return document.documentElement.dataset.bsTheme") == "dark"
    page.driver.refresh()
    page.until(lambda: page.find("#headline"))
    assert page.run("return document.documentElement.dataset.bsTheme") == "dark"


@pytest.mark.parametrize("prompt", [REPEATING, PLAIN, "x" * 300, " ".join("abcdefghij" * 6)])
def test_the_page_never_scrolls_sideways(page, prompt):
    page.open(prompt=prompt)
    for width in (320, 390, 601, 768, 992, 1280):
        page.resize(width)
        assert page.run("return document.documentElement.scrollWidth") <= width, width


def test_a_phone_shows_one_open_card_and_the_first_guess_only(page):
    page.resize(390)
    page.open(prompt=REPEATING)
    is_open = "return [...document.querySelectorAll('.job-body')].filter(body => body.offsetParent).length"
    assert page.run(is_open) == 1
    page.find(f"{page.card('diffuse')} .job-header").click()
    page.until(lambda: page.text_of("#stage-title").startswith("Diffuse"))
    assert page.run(is_open) == 1
    guesses = "return [...document.querySelectorAll('.guess')].filter(guess => guess.offsetParent).length"
    assert page.run(guesses) == 1
    page.find(".panel-next .text-button").click()
    assert page.run(guesses) == 5
    page.find("#frame-menu").click()
    page.until(lambda: page.find(".offcanvas.show .nav-link").is_displayed())


def test_a_word_explains_itself_and_escape_closes_that(page):
    page.open(prompt=REPEATING)
    page.find("#word-head").send_keys(Keys.ENTER)
    page.until(lambda: "A small part of the model that looks back" in page.text_of(".popover"))
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: page.find_all(".popover") == [])
    assert page.run("return document.activeElement.id") == "word-head"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_cut_word_explains_itself_by_keyboard_and_on_a_narrow_touch_screen(real_page, width):
    real_page.resize(width)
    real_page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width <= 600})
    real_page.open(prompt="The cat sat on the mat. The cat sat on the")
    button = real_page.find("#word-cut")
    assert button.text == "Why is my word cut?"
    assert width > 600 or button.size["height"] >= 44
    button.send_keys(Keys.ENTER)
    real_page.until(lambda: "“mat” is read as m | at." in real_page.text_of(".popover"))
    box = real_page.find(".popover").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    real_page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    real_page.until(lambda: real_page.find_all(".popover") == [])
    real_page.find(f"{real_page.card('current_token')} button").click()
    real_page.until(lambda: "Current token" in real_page.text_of("#stage-title"))
    real_page.find("#word-cut").click()
    real_page.until(lambda: "4,096 pieces" in real_page.text_of(".popover"))
    real_page.open()
    assert real_page.find_all("#word-cut") == []
    assert real_page.errors() == []


def test_a_model_that_chats_offers_the_switch_which_every_link_keeps_and_another_model_drops(page, service):
    service.reads_chat = lambda model: model == MODEL
    page.open(model=MODEL, prompt=PLAIN)
    switch = page.find("#ask-chat")
    page.until(switch.is_displayed)
    assert switch.get_attribute("aria-checked") == "false"
    switch.send_keys(Keys.SPACE)
    page.until(lambda: page.search().endswith("&chat=1"))
    page.until(lambda: switch.get_attribute("aria-checked") == "true")
    page.until(lambda: service.asked[-1] == (MODEL, ChatTurn(PLAIN)))
    page.find_all(".header .nav-link")[1].click()
    page.until(lambda: page.run("return location.pathname") == "/heads" and "chat=1" in page.search())
    switch.click()
    page.until(lambda: "chat" not in page.search())
    page.until(lambda: switch.get_attribute("aria-checked") == "false")
    switch.click()
    page.until(lambda: "chat=1" in page.search())
    page.find(".header .model-toggle").click()
    page.find_all(".header .model-menu .menu-item")[1].click()
    page.until(lambda: OTHER_MODEL in page.search() and "chat" not in page.search())
    page.until(lambda: not switch.is_displayed())
    assert page.errors() == []


def test_nothing_comes_from_another_host(page):
    page.open(prompt=quote(REPEATING))
    hosts = page.run("return performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)")
    assert set(hosts) == {page.run("return location.host")}
