"""The sentences of the circuits page.

A share is measured, a fit is read from weights; only switching a head off may speak of a cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.circuits.circuits_view import N_LINES, role_name
from components.numbers import percent, plural, times
from utils.circuits.jobs import CATALOGUE, PUBLISHED, PUBLISHED_FROM, UNKNOWN, Jobs
from utils.circuits.margin import MOSTLY
from utils.circuits.readers import place_among_all, with_role
from utils.heads import HeadId
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.readers import Link, Reads

READERS_NAMED = 4
ONE_LAYER = "This model has one layer. No head can read another's notes."
WEIGHTS_ALONE = "Weights alone say what could be read, not what is."
NO_PROOF = "That a note is read is no proof yet."
COULD = {"Q": "ask with", "K": "look for", "V": "pass on"}


def title(view: CircuitsView) -> str:
    """The page's answer, about the pair that says most."""
    if view.reads is None:
        return ONE_LAYER
    link = view.reads.opening
    if not view.jobs.roles or link.role == OTHER:
        unknown = "" if view.jobs.roles else " Their jobs are not known yet."
        return f"What the heads of {view.model_name} could read of one another.{unknown}"
    is_one = len(_first_read(view.reads, link)) == 1
    who = heads_for(link.role, is_one)
    if not link.is_measured:
        return f"In {view.model_name}, one head writes what {who} could {COULD[view.kind]}."
    looks = "looks" if is_one else "look"
    how_much = "most of what" if link.strength > MOSTLY else "more than any other head of what"
    return f"In {view.model_name}, one head writes {how_much} {who} {looks} for."


def lead(view: CircuitsView) -> str:
    """The same in steps: what the writer notes, how much of it a reader goes by, and who else does."""
    if view.reads is None:
        return "A head can only read what an earlier layer wrote. What this model's heads look for and write is below."
    link = view.reads.opening
    writes = f"{link.writer} {ROLES[view.jobs.main(link.writer)].writes}. " if link.writer in view.jobs.roles else ""
    readers = sorted(_first_read(view.reads, link))
    if not link.is_measured:
        could = f"{listed(readers[:READERS_NAMED])} could {COULD[view.kind]} such notes, by their weights."
        return f"{writes}{could}" if view.jobs.roles else f"{link.reader} fits {link.writer} best by its weights."
    margin = view.reads.margins.readers[link.reader] if view.reads.margins is not None else None
    said = margin.sentence() if margin is not None else ""
    others = [head for head in readers if head != link.reader]
    also = f" It comes first for {listed(others)} too." if others else ""
    is_recipe = view.reads.is_textbook(link.writer, link.reader)
    return f"{writes}{said}{also}{' Together that is the recipe of induction.' if is_recipe else ''}"


def heads_for(role: str, is_one: bool) -> str:
    """`an induction head`, `the induction heads`; for a job of writing `a head for “holding back”`."""
    job = role_name(role)
    if ROLES[role].is_writing:
        return f"{'a head' if is_one else 'the heads'} for “{job}”"
    return f"{'an' if job[0] in 'aeiou' else 'a'} {job} head" if is_one else f"the {job} heads"


def _first_read(reads: Reads, link: Link) -> list[HeadId]:
    """The heads that read a link's writer by the same job: those that read it more than any other head or, by weights,
    the four that fit it best."""
    found = [each.reader for each in with_role(reads.readers_of(link.writer), reads.jobs, link.role)]
    if not link.is_measured:
        return found[:READERS_NAMED]
    return [head for head in found if reads.best_writer(head) == link.writer]


def link_label(link: Link) -> str:
    """The strength of a link in short: `92 %` of what the reader goes by, or `2.9 ×` two random heads."""
    return percent(link.strength) if link.is_measured else times(link.strength)


def link_said(link: Link) -> str:
    """The same in words, to be read out."""
    return f"{percent(link.strength)} of what it goes by" if link.is_measured else f"{link.strength:.1f} times random"


def graph_lead(view: CircuitsView, n_lines: int) -> str:
    """What a line is, and which lines are drawn."""
    if view.reads is not None and view.reads.is_measured:
        means = "A line joins two heads when the earlier one writes a tenth or more of what the later one goes by."
        return f"{means} These are the {n_lines} largest shares." if n_lines >= N_LINES else means
    means = f"A line joins two heads when the later one could {COULD[view.kind]} what the earlier one writes."
    best = f"These are the {n_lines} best fits." if n_lines > 1 else "This is the best fit."
    return f"{means} {best} {WEIGHTS_ALONE}"


def later_note(view: CircuitsView, lines: list[Link]) -> str:
    """Heads of the readers' job that no line reaches, which one would otherwise wonder about; empty without any."""
    if not lines or view.reader_role is None:
        return ""
    reached = {link.reader for link in lines}
    others = [head for head in view.jobs.roles if head not in reached and view.jobs.has(head, view.reader_role)]
    if not others:
        return ""
    heads = plural(len(others), f"more {role_name(view.reader_role)} head")
    return f"{heads} {'has' if len(others) == 1 else 'have'} no line here."


NO_READER = "No later head can read what this head writes: it is in the last layer."
NO_WRITER = "No head stands before this one: it is in the first layer, and reads the tokens themselves."


def head_sentence(view: CircuitsView, head: HeadId, readers: list[Link]) -> str:
    """A head of the graph in words: its job, whom it reads most, and who reads it.

    Args: readers: its links into later heads, strongest first. Example: "L17H3, induction, reads L16H0 most, 92 % of
    what it goes by".
    """
    said = [named(view.jobs, head)]
    writers = view.reads.told_writers(head) if view.reads is not None else []
    if writers:
        said.append(f"reads {writers[0].writer} most, {link_said(writers[0])}")
    if readers and readers[0].is_measured:
        said.append(f"writes for {plural(len(readers), 'later head')}, most for {readers[0].reader}")
        said.append(link_said(readers[0]))
    elif readers:
        said.append(f"best fit {readers[0].reader}, {link_said(readers[0])}")
    elif head.layer == view.shape.n_layers - 1:
        said.append("no later head can read it")
    elif not writers:
        said.append("no share of a tenth measured")
    return ", ".join(said)


def rank_words(rank: int, of: int) -> str:
    """`best of 72`, `14 of 72`."""
    return f"best of {of}" if rank == 1 else f"{rank} of {of}"


def pair_caption(view: CircuitsView) -> str:
    """The raw score of the best fit that is shown, once, and its place among all."""
    if view.fits is None or not view.readers:
        return ""
    best = view.fits.fit(*view.readers[0].pair)
    rank, count = place_among_all(view.fits, best)
    place = "The best" if rank == 1 else f"Number {rank:,}"
    return f" score, from 0 to 1. {best.writer} into {best.reader}: {best.score:.3f}. {place} of {count:,} fits."


def footer(view: CircuitsView, norm_note: str) -> str:
    """What the numbers were made from."""
    jobs = {
        CATALOGUE: "Jobs: Headlight's own catalogue.",
        PUBLISHED: f"Jobs: published scores above {PUBLISHED_FROM}, from TransformerLens notebooks.",
        UNKNOWN: "Jobs: not known yet.",
    }[view.jobs.source]
    return " ".join(
        part
        for part in (
            f"{view.model_name}, {plural(view.shape.n_layers, 'layer')} of {plural(view.shape.n_heads, 'head')}.",
            norm_note,
            jobs,
        )
        if part
    )


def named(jobs: Jobs, head: HeadId) -> str:
    """`L4H11, previous token`, or `L4H10` for a head without a job."""
    return f"{head}, {role_name(jobs.main(head))}" if head in jobs.roles else str(head)


def listed(heads: list[HeadId]) -> str:
    """`L5H1`, `L5H1 and L5H5`, `L5H1, L5H5 and L6H9`; `none` for no head."""
    names = [str(head) for head in heads] or ["none"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
