"""The sentences of the circuits page. A fit is read from weights; only switching a head off may speak of a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.circuits.circuits_view import N_LINES, role_name
from components.numbers import plural, times
from utils.circuits.jobs import CATALOGUE, PUBLISHED, PUBLISHED_FROM, UNKNOWN, Jobs
from utils.circuits.readers import is_broad, is_clear, is_induction, place_among_all, readers_with_job
from utils.heads import HeadId
from utils.roles import ROLES

if TYPE_CHECKING:
    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Composition, Fit

NO_NAMED_PAIR = "No two named heads of this model fit clearly better than random."
READERS_NAMED = 4
ONE_LAYER = "This model has one layer. No head can read another's notes."
USES = {
    "Q": ("ask with", "asks with such notes", "ask with such notes"),
    "K": ("look for", "searches for such notes", "search for such notes"),
    "V": ("pass on", "passes such notes on", "pass such notes on"),
}
LATER = {"Q": "asks with", "K": "looks for", "V": "passes on"}


def title(view: CircuitsView, pair: Fit | None) -> str:
    """The page's answer, about the best pair of two heads with a job.

    Args: pair: that pair by the chosen kind and fits, None without any.
    """
    if view.fits is None:
        return ONE_LAYER
    if not view.jobs.roles:
        return f"What the heads of {view.model_name} read of one another. Their jobs are not known yet."
    if pair is None or not is_clear(pair):
        if view.kind == "K":
            small = " That is normal for very small models." if view.shape.n_layers <= 4 else ""
            return NO_NAMED_PAIR + small
        return f"Through {view.kind}, no two named heads of this model fit clearly better than random."
    job = role_name(view.jobs.main(pair.reader))
    if len(_readers(view, view.fits, pair)) == 1:
        article = "an" if job[0] in "aeiou" else "a"
        return f"In {view.model_name}, one head writes what {article} {job} head {LATER[view.kind]}."
    return f"In {view.model_name}, one head writes what the {job} heads {USES[view.kind][0]}."


def lead(view: CircuitsView, pair: Fit | None) -> str:
    """The same as two steps: what the writer notes, and who uses such notes."""
    if view.fits is None:
        return "A head can only read what an earlier layer wrote. What this model's heads look for and write is below."
    if pair is None or not is_clear(pair) or not view.jobs.roles:
        best = view.fits.best(1, view.broad_only) or view.fits.best(1, False)
        return f"The best fit is {best[0].writer} into {best[0].reader}, {times(best[0].multiple)} random."
    readers = _readers(view, view.fits, pair)
    use = USES[view.kind][1 if len(readers) == 1 else 2]
    recipe = " Together that is the recipe of induction." if is_induction(view.jobs, pair, view.kind) else ""
    return f"{pair.writer} {ROLES[view.jobs.main(pair.writer)].writes}. {listed(sorted(readers))} {use}.{recipe}"


def _readers(view: CircuitsView, fits: Composition, pair: Fit) -> list[HeadId]:
    """Up to four heads with the job of the pair's reader that its writer fits clearly, best first."""
    job = view.jobs.main(pair.reader)
    found = readers_with_job(fits, view.jobs, pair.writer, job, view.broad_only)
    return [fit.reader for fit in found if is_clear(fit)][:READERS_NAMED]


def graph_lead(view: CircuitsView, n_lines: int) -> str:
    """What a line is, and which lines are drawn."""
    kind = "broad fit" if view.broad_only else "fit"
    if n_lines >= N_LINES:
        which = f"These are the {n_lines} best {kind}s"
    else:
        which = f"There {'is' if n_lines <= 1 else 'are'} {plural(n_lines, kind) if n_lines else f'no {kind}'}"
    return f"A line joins two heads when the later one {LATER[view.kind]} what the earlier one writes. {which}."


def later_note(view: CircuitsView, lines: list[Fit]) -> str:
    """Heads of the readers' job that no line reaches, which one would otherwise wonder about; empty without any."""
    if not lines or view.reader_role is None:
        return ""
    reached = {fit.reader for fit in lines}
    others = [head for head in view.jobs.roles if head not in reached and view.jobs.has(head, view.reader_role)]
    if not others:
        return ""
    heads = plural(len(others), f"more {role_name(view.reader_role)} head")
    return f"{heads} {'has' if len(others) == 1 else 'have'} no line here."


def no_reader(view: CircuitsView) -> str:
    """Why there is no fit to show for the chosen head: it is in the last layer, or none of its fits is broad."""
    if view.writer is None or view.writer.layer == view.shape.n_layers - 1:
        return "No later head can read what this head writes: it is in the last layer."
    return f"No later head fits {view.writer} broadly. “All fits” shows those that rest on few kinds of note."


def head_sentence(view: CircuitsView, head: HeadId, fits: list[Fit]) -> str:
    """A head of the graph in words, with its fits into later heads, best first.

    Example: "L4H11, previous token, fits 8 later heads, best L6H9, 2.9 times random".
    """
    job = [role_name(view.jobs.main(head))] if head in view.jobs.roles else []
    if not fits:
        is_last = head.layer == view.shape.n_layers - 1
        return ", ".join([str(head), *job, "no later head can read it" if is_last else "fits no later head broadly"])
    n_clear = sum(map(is_clear, fits))
    clear = f"fits {plural(n_clear, 'later head')}" if n_clear else "fits no later head clearly"
    best = f"best {fits[0].reader}, {fits[0].multiple:.1f} times random"
    return ", ".join([str(head), *job, clear, best])


def rank_words(rank: int, of: int) -> str:
    """`best of 72`, `14 of 72`."""
    return f"best of {of}" if rank == 1 else f"{rank} of {of}"


def pair_caption(view: CircuitsView) -> str:
    """The raw score of the best fit that is shown, once, and its place among all."""
    fits = view.readers
    if view.fits is None or not fits:
        return ""
    best = fits[0]
    broad_only = view.broad_only and is_broad(view.fits, best)
    rank, count = place_among_all(view.fits, best, broad_only)
    place = "The best" if rank == 1 else f"Number {rank:,}"
    kind = "broad fits" if broad_only else "fits"
    return f" score, from 0 to 1. {best.writer} into {best.reader}: {best.score:.3f}. {place} of {count:,} {kind}."


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
