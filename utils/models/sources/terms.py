"""Terms to be read and accepted before a model is fetched; the acceptance is kept with the operator's data.

Who accepts is whoever runs Headlight, once for all who use it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from html.parser import HTMLParser
from pathlib import Path

from filelock import FileLock

from utils.settings import Settings

SILENT = frozenset({"script", "style", "head", "nav", "header", "footer", "button", "devsite-header", "template"})
BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "li", "div", "tr", "section", "article", "br"})


def acceptances_path(settings: Settings) -> Path:
    """The file of what was accepted; it need not exist."""
    return settings.data_dir / "accepted_terms.json"


def accept_terms(model: str, text: str, settings: Settings) -> None:
    """Note that the terms of a model, in these words, were accepted now."""
    path = acceptances_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=10):
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        accepted = _read(path) | {model: {"terms_sha256": _hash(text), "accepted": now}}
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps(accepted, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)


def has_accepted(model: str, settings: Settings) -> bool:
    """Whether the terms of a model were accepted on this computer."""
    return model in _read(acceptances_path(settings))


def text_of_html(page: str) -> str:
    """The words of a page from its last main heading on, a paragraph a line: what stands before is navigation."""
    reader = _Words()
    reader.feed(page)
    return "\n".join(reader.lines())


class _Words(HTMLParser):
    """Collects words; begins anew at each `h1`, so that only what follows the last one is left."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._silent_depth = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent_depth += 1
        if tag == "h1":
            self._parts.clear()
        if tag in BLOCKS:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT and self._silent_depth:
            self._silent_depth -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent_depth:
            self._parts.append(data.replace("\n", " "))

    def lines(self) -> list[str]:
        """Paragraphs without empty ones."""
        paragraphs = "".join(self._parts).split("\n")
        return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        accepted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return accepted if isinstance(accepted, dict) else {}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
