"""The bar of one score from 0 to 1, with its yardstick: chance, the level it counts as active from, the usual level.

For a job of looking the score is the one when the head looks, and the marks stand on the same scale: the line through
the bar is chance, the notch is "active from here", the triangle above is the usual level. A bar that is not active is
outlined. Where an even head is what a job looks for, there is no chance line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dash import html

from components.job_words import STATUS_WORDS
from components.markup import aria, classes

if TYPE_CHECKING:
    from utils.levels import RoleLevel
    from utils.summary import HeadEntry

BarStyle = dict[str, str]


def score_bar(
    role: str,
    score: float | None,
    *,
    name: str,
    chance: float | None = None,
    threshold: float | None = None,
    usual: float | None = None,
    status: str | None = None,
    is_job: bool = True,
) -> html.Div:
    """A bar as `role="meter"`; its values are CSS custom properties, which assets/20-parts.css draws.

    Args: score, chance, threshold, usual: on the score axis, 0 to 1; None where there is none; name: what the bar
    is about, for a screen reader (`L2H3` or a role's name); status: a word of `utils.summary.Status`; is_job: False
    draws a grey bar with chance only, for a score that is not one of the head's jobs.
    """
    state = "plain" if not is_job else "active" if status == "active" else "below"
    marks = {"chance": chance} if not is_job else {"chance": chance, "threshold": threshold, "usual": usual}
    shown = {key: value for key, value in marks.items() if _is_number(value)}
    return html.Div(
        html.Span(className="bar-fill"),
        className=classes("bar", f"bar--{state}", "usual" in shown and "has-usual", f"role-{role}"),
        style=_custom_properties({"score": score, **shown}),
        role="meter",
        **aria(
            label=name,
            valuemin=0,
            valuemax=1,
            valuenow=two_decimals(score) or 0,
            valuetext=bar_text(score, status=status, is_job=is_job, **marks),
        ),
    )


def head_bar(entry: HeadEntry) -> html.Div:
    """The bar of one head on a role's card."""
    return score_bar(
        entry.role,
        entry.bar_score,
        name=str(entry.id),
        chance=entry.bar_chance,
        threshold=entry.threshold,
        usual=entry.usual,
        status=None if entry.state is None else entry.state.value,
    )


def level_bar(level: RoleLevel, name: str, is_judged: bool = False) -> html.Div:
    """The bar of one head's level for one role.

    Args: name: what it is about, for a screen reader. is_judged: with its notch also where the role is not one of the
    head's jobs; there is no usual level then.
    """
    return score_bar(
        level.role,
        level.score,
        name=name,
        chance=level.chance,
        threshold=level.threshold,
        usual=level.usual if level.is_job else None,
        status=level.status,
        is_job=level.is_job or is_judged,
    )


def bar_text(
    score: float | None,
    *,
    chance: float | None = None,
    threshold: float | None = None,
    usual: float | None = None,
    status: str | None = None,
    is_job: bool = True,
) -> str:
    """The bar in words, for a screen reader: "score 0.86, chance 0.07, active from 0.48, usually 0.90, active"."""
    parts = [("score", score), ("chance", chance), ("active from", threshold), ("usually", usual)]
    words = [f"{label} {two_decimals(value)}" for label, value in parts if _is_number(value)]
    if is_job:
        words.append(STATUS_WORDS.get(status) or "not active")
    return ", ".join(words) or "no score on this text"


def two_decimals(value: float | None) -> str:
    """A score as the page writes it, `0.86`; empty for None or NaN."""
    return f"{value:.2f}" if _is_number(value) else ""


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _custom_properties(values: dict[str, float | None]) -> BarStyle:
    return {f"--{key}": f"{min(1.0, max(0.0, value or 0.0)):.4f}" for key, value in values.items()}
