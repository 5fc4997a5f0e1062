"""The roles (jobs) that Headlight looks for, one entry each: what a role is, in words, and how it is measured.

To add a role: write what its measure needs (for `AttentionTo` a function that gives T(q), the keys that the role
predicts for query q) and add its entry to `ROLES`. Everything that a page, the catalogue and the API need of it is
there; docs/contributing.md says what else may be written, and what has to be measured again.

A role of `AttentionTo` predicts, for every query position q, a set of key positions T(q). Rows that cannot tell one
role from another are *ambiguous* and left out as a whole (`utils/measures/attention_to.py`).

Positions count from 0; arrays are [query_pos, key_pos].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from utils import reasons
from utils.measures.attention_to import AttentionTo, Prediction
from utils.measures.copies import after_earlier_copies, earlier_copies
from utils.measures.evenness import Evenness
from utils.measures.measure import Measure
from utils.measures.reading import Need
from utils.measures.resting import Resting
from utils.measures.writes import Writes
from utils.measures.written import Write


@dataclass(frozen=True)
class Role:
    """One role: its words for learners, and how it is measured.

    Args: habit: completes "this head …". lacks: what a role that needs repetition misses on a text without any. sign:
    names the drawing that stands for the role on the page; one that the style sheet does not have shows as a ring.
    start_sentence, start_habit: in place of `sentence` and `habit` in a model whose texts begin with a start mark;
    empty where that makes no difference. note: what a head with this role leaves for later heads, as in "this head …";
    empty where that follows from its habit. yields: 0, or its order among the roles that are a head's main one only
    where it holds no other. tells_depth: the map says in which layers its heads sit. when_common: a question
    and its answer for a map on which a third of all heads hold it. detector: the name that TransformerLens'
    `detect_head` has for it, empty for none. is_rest: a state and no job, what a head does that finds nothing to do:
    no page counts it among the jobs, and it is a head's main role only where that holds nothing else.
    """

    key: str
    display_name: str
    sentence: str
    habit: str
    definition: str
    formula: str
    source: str
    trigger: str
    requires_repetition: bool
    measure: Measure
    lacks: str = "this job needs a token that comes again"
    sign: str = "ring"
    start_sentence: str = ""
    start_habit: str = ""
    note: str = ""
    yields: int = 0
    tells_depth: bool = False
    when_common: tuple[str, str] | None = None
    detector: str = ""
    is_rest: bool = False

    def sentence_for(self, has_start: bool) -> str:
        """What the role does, in a model with or without a start mark."""
        return (self.start_sentence if has_start else "") or self.sentence

    def habit_for(self, has_start: bool) -> str:
        """The same as completes "this head …"."""
        return (self.start_habit if has_start else "") or self.habit

    @property
    def is_informative(self) -> bool:
        """Whether it tells what a head does; not so for roles that say only that it rests or spreads."""
        return not self.yields

    @property
    def is_writing(self) -> bool:
        """Whether it is about what a head writes, not only about where it looks."""
        return self.measure.writes

    @property
    def writes(self) -> str:
        """What a head with this role leaves for later heads, as in "this head …"."""
        return self.note or f"{self.habit} and notes what it finds"


def predict_previous_token(token_ids: np.ndarray) -> Prediction:
    """T(q) = {q-1}. Row 1 is ambiguous: its previous token is also the first token."""
    n = len(token_ids)
    return Prediction(np.eye(n, k=-1, dtype=bool), np.arange(n) == 1)


def predict_induction(token_ids: np.ndarray) -> Prediction:
    """T(q) = {k+1 : t[k] = t[q], k < q}, what came after the earlier copies of this token.

    Ambiguous when a target is q itself (adjacent repeats), q-1 (period-2 text looks like previous-token), or is
    also a copy of the token (`A A … A` looks like duplicate-token).
    """
    targets = after_earlier_copies(token_ids)
    doubtful = targets & (earlier_copies(token_ids) | _diagonal(targets, 0) | _diagonal(targets, 1))
    return Prediction(targets, doubtful.any(axis=1))


def predict_duplicate_token(token_ids: np.ndarray) -> Prediction:
    """T(q) = {k : t[k] = t[q], k < q}, the earlier copies of this token.

    Ambiguous when a target is 0 (the resting place of many heads), q-1, or is also an induction target.
    """
    targets = earlier_copies(token_ids)
    first_column = np.zeros_like(targets)
    first_column[:, 0] = True
    doubtful = targets & (after_earlier_copies(token_ids) | first_column | _diagonal(targets, 1))
    return Prediction(targets, doubtful.any(axis=1))


def predict_first_token(token_ids: np.ndarray) -> Prediction:
    """T(q) = {0}. Row 0 has no choice and is no evidence."""
    n = len(token_ids)
    targets = np.zeros((n, n), dtype=bool)
    targets[1:, 0] = True
    return Prediction(targets, np.zeros(n, dtype=bool))


def predict_current_token(token_ids: np.ndarray) -> Prediction:
    """T(q) = {q}. Row 0 has no choice and is no evidence."""
    n = len(token_ids)
    targets = np.eye(n, dtype=bool)
    targets[0, 0] = False
    return Prediction(targets, np.zeros(n, dtype=bool))


def _diagonal(like: np.ndarray, steps_back: int) -> np.ndarray:
    return np.eye(len(like), k=-steps_back, dtype=bool)


_ALL = (
    Role(
        key="previous_token",
        display_name="Previous token",
        sentence="Looks at the token just before this one.",
        habit="looks at the previous token",
        definition="At every token, this head puts its attention on the token one step to the left.",
        formula="T(q) = {q − 1}, for q ≥ 2",
        source="Elhage et al. 2021, A Mathematical Framework for Transformer Circuits",
        trigger="Any text of a few words.",
        sign="arrow-left",
        requires_repetition=False,
        measure=AttentionTo(predict_previous_token, drawn_as="stripe"),
        note="looks one token back and notes what it sees there",
        tells_depth=True,
        detector="previous_token_head",
    ),
    Role(
        key="induction",
        display_name="Induction",
        sentence="Finds where this token appeared before, and looks at what came next.",
        habit="looks at what followed an earlier copy",
        definition="When a token comes again, this head looks at the token that followed the earlier copy. "
        "That is how a model can continue a pattern that it has seen only once.",
        formula="T(q) = {k + 1 : t[k] = t[q], k < q}",
        source="Olsson et al. 2022, In-context Learning and Induction Heads",
        trigger="A text in which a token comes again, at least three tokens later.",
        sign="loop",
        requires_repetition=True,
        measure=AttentionTo(
            predict_induction, copy_offset=1, drawn_as="stripe", why_ambiguous=reasons.ambiguous_followers
        ),
        lacks="an induction head needs a token it has seen before",
        note="looks at what followed an earlier copy and notes what it finds",
        tells_depth=True,
        detector="induction_head",
    ),
    Role(
        key="duplicate_token",
        display_name="Duplicate token",
        sentence="Looks back at an earlier copy of the same token.",
        habit="looks at an earlier copy of its token",
        definition="When a token comes again, this head looks at the earlier copy itself, not at what followed it.",
        formula="T(q) = {k : t[k] = t[q], k < q}",
        source="Wang et al. 2022, Interpretability in the Wild",
        trigger="A text in which a token comes again, at least two tokens later.",
        sign="sheets",
        requires_repetition=True,
        measure=AttentionTo(
            predict_duplicate_token, copy_offset=0, drawn_as="stripe", why_ambiguous=reasons.ambiguous_copies
        ),
        lacks="this job needs two equal tokens",
        note="looks at an earlier copy of its token and notes what it finds",
        tells_depth=True,
        detector="duplicate_token_head",
    ),
    Role(
        key="current_token",
        display_name="Current token",
        sentence="Looks at the token it is standing on.",
        habit="looks at its own token",
        definition="At every token, this head puts its attention on that same token.",
        formula="T(q) = {q}, for q ≥ 1",
        source="McDougall, ARENA: the two-layer attention-only toy model",
        trigger="Any text of a few words.",
        sign="pin",
        requires_repetition=False,
        measure=AttentionTo(predict_current_token, drawn_as="stripe"),
        note="notes the token that it stands on",
    ),
    Role(
        key="diffuse",
        display_name="Diffuse",
        sentence="Spreads its attention evenly over everything so far.",
        habit="spreads its attention evenly",
        definition="At every token, this head gives all tokens so far nearly the same weight.",
        formula="entropy of row q / log(q + 1), for q ≥ 1",
        source="Clark et al. 2019, What Does BERT Look At?",
        trigger="Any text of a few words.",
        sign="fan",
        requires_repetition=False,
        measure=Evenness(),
        note="notes a blend of everything so far",
        yields=1,
    ),
    Role(
        key="positional",
        display_name="Resting",
        sentence="Leaves its attention on the very first token while it has nothing to do.",
        habit="rests on the first token",
        definition="At most tokens, this head leaves its attention on the very first position of the text. "
        "That is a state and no job: heads that find nothing to look at wait there.",
        formula="T(q) = {0}, for q ≥ 1",
        source="Xiao et al. 2023, Efficient Streaming Language Models with Attention Sinks",
        trigger="Any text of a few words.",
        sign="anchor",
        requires_repetition=False,
        measure=Resting(predict_first_token, drawn_as="column"),
        start_sentence="Leaves its attention on the start mark, before the first word, while it has nothing to do.",
        start_habit="rests on the start mark",
        note="rests on the first token and notes what stands there",
        yields=2,
        is_rest=True,
        when_common=(
            "Why do so many heads rest?",
            "The first token is a resting place. A head that finds nothing to do on a text tends to look there.",
        ),
    ),
    Role(
        key="copying",
        display_name="Copying",
        sentence="Pushes up the word it looks at, so that it may come next.",
        habit="pushes up the word it looks at",
        definition="Wherever this head looks at a token, what it writes makes that same token a likelier next word. An "
        "induction head that copies repeats what it has seen.",
        formula="(v_k − v̄) W_O W_U is largest at t[k]",
        source="Elhage et al. 2021, A Mathematical Framework for Transformer Circuits (the idea)",
        trigger="Any text of a few words.",
        sign="pen",
        requires_repetition=False,
        measure=Writes(Write.COPY),
        note="pushes up the word it looks at",
    ),
    Role(
        key="copy_suppression",
        display_name="Holding back",
        sentence="Pushes down the word it looks at, so that it does not come again.",
        habit="pushes down the word it looks at",
        definition="Wherever this head looks at a token, what it writes makes that same token a less likely next word. "
        "It holds back what other heads would repeat.",
        formula="(v_k − v̄) W_O W_U is smallest at t[k]",
        source="McDougall et al. 2023, Copy Suppression (the idea)",
        trigger="Any text of a few words.",
        sign="minus",
        requires_repetition=False,
        measure=Writes(Write.SUPPRESS),
        note="pushes down the word it looks at",
    ),
    Role(
        key="successor",
        display_name="Next in a list",
        sentence="Looks at a day, a month or a number and pushes up what follows it.",
        habit="pushes up what follows in a list",
        definition="Wherever this head looks at an item of an ordered list, what it writes makes the next item a "
        "likelier next word: Tuesday after Monday, three after two.",
        formula="(v_k − v̄) W_O W_U is largest at the item after t[k], without t[k]",
        source="Gould et al. 2023, Successor Heads (the idea)",
        trigger="A text with days, months, numbers or letters in it.",
        sign="steps",
        requires_repetition=False,
        measure=Writes(Write.NEXT),
        note="pushes up what follows in a list",
    ),
    Role(
        key="name_mover",
        display_name="Passing on a name",
        sentence="Looks at a name, where the text asks for one, and pushes it up.",
        habit="passes on a name where the text asks for one",
        definition="At the end of a text that asks for a name, this head looks back at a name and makes it a likelier "
        "next word.",
        formula="copying, from the last token, to keys that are names",
        source="Wang et al. 2022, Interpretability in the Wild (the idea)",
        trigger="A sentence that asks for a name.",
        sign="tag",
        requires_repetition=False,
        measure=Writes(Write.COPY, only_names=True),
        note="passes on a name",
    ),
)

ROLES: dict[str, Role] = {role.key: role for role in _ALL}
REST = next(role.key for role in _ALL if role.is_rest)  # the state that is no job
OTHER = "other"  # not a role: the heads that hold none


class _Jobs(Mapping[str, Role]):
    """A view of `ROLES` without the state of rest: what a page counts as jobs."""

    def __getitem__(self, key: str) -> Role:
        if ROLES[key].is_rest:
            raise KeyError(key)
        return ROLES[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key, role in ROLES.items() if not role.is_rest)

    def __len__(self) -> int:
        return sum(1 for _ in self)


JOBS: Mapping[str, Role] = _Jobs()


@dataclass(frozen=True)
class TextbookCircuit:
    """Two roles that work together, as keys: heads of the first leave notes that heads of the second look for.

    look_alike: a role that is easily taken for the second.
    """

    writer: str
    reader: str
    look_alike: str


INDUCTION_CIRCUIT = TextbookCircuit("previous_token", "induction", "duplicate_token")  # Elhage et al. 2021
SHOWCASE = INDUCTION_CIRCUIT.reader  # the role that the pages open on, and explain a bar with


def compared_roles() -> dict[str, Role]:
    """The roles with a chance level, by key: their excess can be compared."""
    return {key: role for key, role in ROLES.items() if role.measure.has_chance}


def without_rest(roles: Iterable[str]) -> tuple[str, ...]:
    """Of a head's roles those that are jobs, in their order."""
    return tuple(role for role in roles if not ROLES[role].is_rest)


def looking_roles() -> dict[str, Role]:
    """The roles that are about looks, by key: what a head does when it looks decides."""
    return {key: role for key, role in ROLES.items() if role.measure.has_looking}


def steady_roles() -> dict[str, Role]:
    """Those of them that show on any text, by key: they are measured on sentences, and once more on random tokens."""
    return {key: role for key, role in looking_roles().items() if not role.requires_repetition}


def writing_roles() -> dict[str, Writes]:
    """The roles that are about what a head writes of the tokens it looks at, with their measures, by key."""
    return {key: role.measure for key, role in ROLES.items() if isinstance(role.measure, Writes)}


def needs_of_roles() -> frozenset[Need]:
    """What one forward pass must bring so that every role can be measured."""
    return frozenset().union(*(role.measure.needs for role in ROLES.values()))
