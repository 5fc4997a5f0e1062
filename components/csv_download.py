"""Numbers to take away: the button of a page, and the CSV file that a press makes from the page's address."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from components.address import Ids as AddressIds

if TYPE_CHECKING:
    from dash.development.base_component import Component


class Ids:
    @staticmethod
    def button(page: str) -> str:
        return f"{page}-csv-button"

    @staticmethod
    def file(page: str) -> str:
        return f"{page}-csv"


def parts(page: str, words: Any = "", class_name: str = "", hidden: bool = False) -> list[Component]:
    """The button, and what saves the file; without words the ids that callbacks name."""
    button = html.Button(words, id=Ids.button(page), type="button", className=class_name, hidden=hidden)
    return [button, dcc.Download(id=Ids.file(page))]


def register(app: Dash, page: str, table: Callable[[str], tuple[str, str] | None]) -> None:
    """A press saves a file. Args: table: its text and name for an address from `?` on; None where there is nothing."""

    @app.callback(
        Output(Ids.file(page), "data"),
        Input(Ids.button(page), "n_clicks"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def download(presses: int | None, search: str | None) -> Any:
        made = table(search or "") if presses else None
        return {"content": made[0], "filename": made[1]} if made is not None else no_update


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, its columns named in the first line."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return lines.getvalue()


def file_name(*names: str) -> str:
    """Example: `headlight-classroom-gpt2-heads.csv`; what a file name cannot hold becomes a hyphen."""
    return "-".join(["headlight", *(re.sub(r"[^A-Za-z0-9.-]+", "-", name) for name in names)]) + ".csv"
