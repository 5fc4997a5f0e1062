"""What one text says of every role, typed: the summary of a role, its heads, and the heads that hold none.

The pages read these; `as_json` gives the dicts of `POST /api/analyze` (README, "The API").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from utils.heads import HeadId
from utils.measures.reading import Look
from utils.measures.states import State

if TYPE_CHECKING:
    from utils.catalogue.causes import HeadCause
    from utils.catalogue.schema import SuggestedPrompt

Status = Literal[
    "active", "here_and_there", "cannot_tell", "below_usual", "not_seen", "not_applicable", "no_heads", "not_testable"
]  # those of `State`, and three for a text or a model that cannot show the role


@dataclass(frozen=True)
class HeadEntry:
    """A catalogued head of a role on one text.

    score: catalogued, on the catalogue's texts. activation_score: the plain score on this text, 0.0 where it cannot
    show the role; then all other figures are None. chance, excess: of the plain score, None for a measure without
    chance. looking_score, looking_chance, look: the score when it looks, what a blind look would get, and the share of
    attention that is looking, all over evidence rows; None for a measure that is not about looks. threshold, usual: on
    the axis of the bar. peak: None for a measure without one. rests: the share of attention that is left on the first
    token, over the whole text. chances, hits, luck: counted places, as `Counts`. held: every role that the head holds,
    main one first. evidence: what proves it, strongest first. cause: what it is good for on the second copy of a text,
    None where that was not measured.
    """

    id: HeadId
    role: str
    score: float
    weak: bool
    held: tuple[str, ...]
    activation_score: float = 0.0
    chance: float | None = None
    excess: float | None = None
    threshold: float | None = None
    usual: float | None = None
    peak: float | None = None
    looking_score: float | None = None
    looking_chance: float | None = None
    look: float | None = None
    rests: float | None = None
    chances: int | None = None
    hits: int | None = None
    luck: float | None = None
    state: State | None = None
    evidence: tuple[Look, ...] = ()
    cause: HeadCause | None = None

    @property
    def is_active(self) -> bool:
        return self.state is State.ACTIVE

    @property
    def bar_score(self) -> float:
        """What its bar shows: the score when it looks, where it has one."""
        return self.activation_score if self.looking_score is None else self.looking_score

    @property
    def bar_chance(self) -> float | None:
        """Chance on the axis of its bar."""
        return self.chance if self.looking_score is None else self.looking_chance

    @property
    def main_role(self) -> str:
        return self.held[0] if self.held else self.role

    @property
    def is_main(self) -> bool:
        return self.main_role == self.role

    @property
    def also(self) -> tuple[str, ...]:
        """The head's other roles."""
        return tuple(key for key in self.held if key != self.role)

    def as_json(self) -> dict[str, Any]:
        return {
            "layer": self.id.layer,
            "head": self.id.head,
            "score": self.score,
            "weak": self.weak,
            "is_main": self.is_main,
            "main_role": self.main_role,
            "also": list(self.also),
            "activation_score": self.activation_score,
            "chance": self.chance,
            "excess": self.excess,
            "threshold": self.threshold,
            "usual": self.usual,
            "peak": self.peak,
            "looking_score": self.looking_score,
            "looking_chance": self.looking_chance,
            "look": self.look,
            "rests": self.rests,
            "chances": self.chances,
            "hits": self.hits,
            "luck": self.luck,
            "state": None if self.state is None else self.state.value,
            "is_active": self.is_active,
            "cause": self.cause.as_json() if self.cause else None,
            "evidence": [_look_json(look) for look in self.evidence],
        }


def _look_json(look: Look) -> dict[str, Any]:
    """With what it pushes, where it is one of a role of writing."""
    looks = {"query_pos": look.query_pos, "key_pos": look.key_pos, "weight": look.weight}
    if look.push is None:
        return looks
    return {**looks, "push": look.push, "target": None if look.target is None else look.target.label}


@dataclass(frozen=True)
class RoleSummary:
    """One role on one text: what its card says.

    is_applicable: the text has evidence rows; is_catalogued: the model's heads were analysed. status: that of the head
    that does most. reason: why the card is grey or not active, else empty. caution: where one or two rows decide.
    n_holding: heads of the model that hold the role in full; n_having: in full or weakly; `heads` has the strongest of
    those, at most eight. cut_at: a position after which the text could be cut so that the role's strongest head is
    active; None where that would change nothing.
    """

    role: str
    display_name: str
    sentence: str
    status: Status
    is_applicable: bool
    is_catalogued: bool
    reason: str
    caution: str
    n_evidence: int
    suggested_prompt: SuggestedPrompt | None
    n_holding: int
    n_having: int
    heads: tuple[HeadEntry, ...]
    cut_at: int | None = None

    @property
    def n_active(self) -> int:
        return sum(head.is_active for head in self.heads)

    def count(self, state: State) -> int:
        """How many of its heads are in this state on this text."""
        return sum(head.state is state for head in self.heads)

    @property
    def ranked(self) -> list[HeadEntry]:
        """Its heads by what they do on this text: active first, then here and there, and so on; of those in one state
        the highest score first."""
        return sorted(self.heads, key=_order, reverse=True)

    @property
    def strongest(self) -> HeadEntry | None:
        """Of the heads that do most on this text the one with the highest score."""
        return strongest_entry(self.heads)

    def as_json(self) -> dict[str, Any]:
        return {
            "display_name": self.display_name,
            "sentence": self.sentence,
            "status": self.status,
            "is_applicable": self.is_applicable,
            "is_catalogued": self.is_catalogued,
            "reason": self.reason,
            "caution": self.caution,
            "n_evidence": self.n_evidence,
            "suggested_prompt": self.suggested_prompt.model_dump() if self.suggested_prompt else None,
            "n_holding": self.n_holding,
            "heads": [head.as_json() for head in self.heads],
        }


@dataclass(frozen=True)
class OtherHead:
    """A head that holds no role, with the role that it comes nearest to on this text; None without evidence."""

    id: HeadId
    best_role: str | None = None
    best_score: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "layer": self.id.layer,
            "head": self.id.head,
            "best_role": self.best_role,
            "best_score": self.best_score,
        }


@dataclass(frozen=True)
class OtherSummary:
    """The heads that hold no role."""

    display_name: str
    sentence: str
    heads: tuple[OtherHead, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "display_name": self.display_name,
            "sentence": self.sentence,
            "status": None,
            "is_applicable": True,
            "reason": "",
            "suggested_prompt": None,
            "heads": [head.as_json() for head in self.heads],
        }


@dataclass(frozen=True)
class StandingOut:
    """A head that does a role strongly on this text, catalogued for it or not.

    score, excess: when it looks. looks_back: how many tokens back it looks wherever it stands, where that alone
    explains what it does on this text; None where it does not, and for a head that the catalogue knows for the role:
    it was asked about random tokens, too, where looking back by a fixed distance does nothing.
    """

    id: HeadId
    role: str
    score: float
    excess: float
    is_catalogued: bool
    looks_back: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "layer": self.id.layer,
            "head": self.id.head,
            "role": self.role,
            "score": self.score,
            "excess": self.excess,
            "catalogued": self.is_catalogued,
            "looks_back": self.looks_back,
        }


@dataclass(frozen=True)
class RestingHeads:
    """How many heads of a model rest on one text."""

    n_heads: int
    of: int

    def as_json(self) -> dict[str, Any]:
        return {"n_heads": self.n_heads, "of": self.of}


@dataclass(frozen=True)
class Unexplained:
    """A head's strongest look that no role predicts."""

    id: HeadId
    look: Look

    def as_json(self) -> dict[str, Any]:
        return {
            "layer": self.id.layer,
            "head": self.id.head,
            "query_pos": self.look.query_pos,
            "key_pos": self.look.key_pos,
            "weight": self.look.weight,
        }


def strongest_entry(heads: Sequence[HeadEntry]) -> HeadEntry | None:
    """Of the heads that do most on this text the one with the highest score; None of none."""
    return max(heads, key=_order, default=None)


def _order(head: HeadEntry) -> tuple[int, float]:
    return -1 if head.state is None else head.state.rank, head.bar_score
