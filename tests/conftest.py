"""Shared fixtures. Browser tests drive a real headless Chromium; where there is none they are skipped, and say so."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import pytest
from selenium.webdriver.chrome.options import Options

from app import create_app
from tests.deep_service import DeepHeadlight
from tests.fake_service import FakeHeadlight
from utils.models.speed import Speeds

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--window-size=1440,900",
)


def find_chromium() -> str | None:
    """Path of the browser, None where there is none."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def pytest_setup_options() -> Options:
    """Called by dash.testing for each browser."""
    options = Options()
    options.binary_location = find_chromium() or ""
    for argument in CHROMIUM_ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that take a browser fixture carry the mark `browser`."""
    missing = find_chromium() is None or shutil.which("chromedriver") is None
    for item in items:
        if "dash_duo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason="Chromium or chromedriver is not installed"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The run's last lines say how many tests were skipped because a model is not here: those checked nothing."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "NOT HERE" in str(report.longrepr)]
    if skipped:
        terminalreporter.section("models that are not here", sep="-")
        terminalreporter.write_line(f"{len(skipped)} tests were skipped because their model is not here:")
        for reason, number in Counter(str(report.longrepr[2]) for report in skipped).items():
            terminalreporter.write_line(f"  {number} × {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session", autouse=True)
def no_measuring_of_speed():
    """Models are not measured in the background of tests, and nothing is written where this checkout keeps its data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Speeds, "measure_later", lambda *_arguments: None)
        yield


@pytest.fixture
def service() -> FakeHeadlight:
    """A service without a model."""
    return FakeHeadlight()


@pytest.fixture
def app(service):
    """The whole app around the fake service."""
    return create_app(service)


@pytest.fixture
def client(app):
    """Asks the app's server without a browser."""
    return app.server.test_client()


@pytest.fixture
def deep_service() -> DeepHeadlight:
    """A service without a model, of 30 layers."""
    return DeepHeadlight()
