"""The lamp: one role's sign in a circle whose shape says the state, also without its colour.

Active is filled with a halo. A ring with a lit point is here and there, a ring with a question mark cannot tell, a
plain ring not seen (or below usual), a dashed grey ring cannot show, a flat grey disc has no heads. Resting is no job
and never lights: its lamp is a flat grey disc, too. Round is looking, square is writing: a job of writing has a tile in
the same states, dashed also where the model cannot be tested. Lamps and marks are decoration: the words beside them say
the same.
"""

from __future__ import annotations

from typing import Literal

from dash import html

from components.markup import aria, classes
from utils.roles import ROLES

LampSize = Literal["row", "stage", "card", "page"]


def sign(name: str) -> html.Span:
    """A small drawing in the colour of the text around it; `name` is the stem of a file in assets/signs/."""
    return html.Span(className=f"sign sign-{name}", **aria(hidden=True))


def role_sign(role: str) -> html.Span:
    """The sign of a role; a plain dot for `other`."""
    if role not in ROLES:
        return html.Span(className="sign-dot", **aria(hidden=True))
    return sign(ROLES[role].sign)


def lamp(role: str, status: str | None, size: LampSize = "card") -> html.Span:
    """The lamp of a role.

    Args: role: a key of ROLES, or `other`; status: a word of `utils.summary.Status`, or None (shown as no_heads);
    size: row 26 px, stage 26 px, card 40 px, page 58 px.
    """
    shape = "rests" if _is_rest(role) and status not in ("not_applicable", None) else css_name(status or "no_heads")
    names = classes("lamp", f"lamp--{shape}", f"lamp--{size}", is_square(role) and "lamp--square", f"role-{role}")
    return html.Span(role_sign(role), className=names, **aria(hidden=True))


def state_mark(status: str | None, role: str = "") -> html.Span:
    """The small mark of one head, in the shape of its state; a plain ring for None, a dash for `rests`.

    Args: role: that it is about; the mark is square for one of writing.
    """
    names = classes("dot", status and f"dot--{css_name(status)}", is_square(role) and "dot--square")
    return html.Span(className=names, **aria(hidden=True))


def is_square(role: str) -> bool:
    """Whether a role is drawn as a tile: those of writing are."""
    return role in ROLES and ROLES[role].is_writing


def css_name(status: str) -> str:
    """A state as it stands in a class: `here-and-there`."""
    return status.replace("_", "-")


def _is_rest(role: str) -> bool:
    return role in ROLES and ROLES[role].is_rest
