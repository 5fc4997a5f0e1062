"""Every question to the service is computed once however many ask at once, and again when files have changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_models import save_tiny_model
from tests.together import WAIT_S, Gate, InBackground, at_once
from utils import service as door
from utils.circuits import circuits
from utils.errors import UserError
from utils.experiments import experiments
from utils.experiments.runs import Kind, RunQuestion
from utils.result_cache import parts_of
from utils.service import Headlight
from utils.settings import Settings

MODEL, PROMPT, OTHER_PROMPT = "tiny", "the cat sat on the mat and the cat sat", "the dog saw the cat"
SLOW_S = 0.1


@dataclass(frozen=True)
class Asked:
    """A question, and the function that does its work."""

    owner: ModuleType
    worker: str
    ask: Callable[[Headlight, str], Any]


QUESTIONS = {
    "forward pass": Asked(door, "run_forward_pass", lambda s, text: s.forward(MODEL, text)),
    "switched off": Asked(
        experiments, "switch_off", lambda s, text: s.experiments.switch_off(MODEL, text, [(0, 1)], "zero")
    ),
    "second copy": Asked(
        experiments, "measure_second_copy", lambda s, text: s.experiments.second_copy(MODEL, text, [(0, 1)], "zero")
    ),
    "later patterns": Asked(
        experiments,
        "measure_later_patterns",
        lambda s, text: s.experiments.later_patterns(MODEL, text, [(0, 1)], "zero"),
    ),
    "scan": Asked(experiments, "scan_heads", lambda s, text: s.experiments.scan(MODEL, text, "zero")),
    "means": Asked(
        experiments, "reference_means", lambda s, text: s.experiments.switch_off(MODEL, text, [(0, 1)], "mean")
    ),
    "direct logits": Asked(
        experiments, "head_direct_logits", lambda s, text: s.experiments.direct_logits(MODEL, text, (0, 1))
    ),
    "lens": Asked(experiments, "read_lens", lambda s, text: s.experiments.logit_lens(MODEL, text)),
    "attribution": Asked(experiments, "attribute_tokens", lambda s, text: s.experiments.token_attribution(MODEL, text)),
    "natural rise": Asked(
        experiments, "measure_natural_rise", lambda s, text: s.experiments.natural_rise(MODEL, text, (0, 1))
    ),
    "composition": Asked(circuits, "compute_composition", lambda s, _text: s.circuits.composition(MODEL, "K")),
    "copying scores": Asked(circuits, "compute_copying_scores", lambda s, _text: s.circuits.copying_scores(MODEL)),
    "one head's circuits": Asked(circuits, "compute_head_circuits", lambda s, _text: s.circuits.of_head(MODEL, (1, 2))),
    "joined vocabulary": Asked(circuits, "joined_vocabulary", lambda s, _text: s.circuits.of_head(MODEL, (1, 2))),
    "token circuits": Asked(
        circuits, "compute_token_circuits", lambda s, text: s.circuits.token_circuits(MODEL, text, (1, 2))
    ),
    "average pattern": Asked(circuits, "mean_patterns", lambda s, _text: s.circuits.average_pattern(MODEL, (1, 2))),
}
READ_TEXT = [
    name
    for name in QUESTIONS
    if name not in {"means", "natural rise", *list(QUESTIONS)[-6:]} or name == "token circuits"
]

every_question = pytest.mark.parametrize("asked", QUESTIONS.values(), ids=QUESTIONS)


@pytest.fixture(scope="module", autouse=True)
def one_processor_for_each():
    """Eight askers on a tiny model would only get in each other's way with several processors each."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Attribution need not be exact here."""
    monkeypatch.setattr("utils.experiments.token_attribution.MOST_TOKEN_STEPS", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model(folder / MODEL)
    return folder


@pytest.fixture
def service(folder) -> Headlight:
    service = Headlight(Settings(models_dir=folder, data_dir=folder / "data", offline=True))
    service.forward(MODEL, "the model is loaded")
    return service


class Worker:
    """Stands before the function that does a question's work: counts its calls, and does something first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, first: Callable[[], object] = int):
        self._work = getattr(owner, name)
        self._first = first
        self.n_calls = 0
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *asked: Any) -> Any:
        self.n_calls += 1
        self._first()
        return self._work(*asked)


def change_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({key: -1.5 * weight for key, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def same(one: Any, other: Any) -> bool:
    """Whether two results say the same, down to the last number."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if is_dataclass(one):
        return all(same(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "keys"):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


class TestAtOnce:
    @every_question
    def test_eight_who_ask_the_same_run_it_once_and_it_runs_again_when_files_may_have_changed(
        self, service, monkeypatch, asked
    ):
        worker = Worker(monkeypatch, asked.owner, asked.worker, lambda: time.sleep(SLOW_S))
        results = at_once([lambda: asked.ask(service, PROMPT)] * 8)
        assert worker.n_calls == 1
        assert all(same(result, results[0]) for result in results)
        asked.ask(service, PROMPT)
        assert worker.n_calls == 1
        service._forget(MODEL)
        again = asked.ask(service, PROMPT)
        assert worker.n_calls == 2
        assert same(again, results[0])

    @every_question
    def test_a_failure_reaches_all_eight_in_the_same_words_and_the_next_one_computes(self, service, monkeypatch, asked):
        def refuse() -> None:
            time.sleep(SLOW_S)
            if worker.n_calls == 1:
                raise UserError("The weights of tiny give no usable attention.", "Copy them again.", 503)

        worker = Worker(monkeypatch, asked.owner, asked.worker, refuse)
        problems = at_once([lambda: asked.ask(service, PROMPT)] * 8)
        assert worker.n_calls == 1
        assert {(problem.sentence, problem.hint, problem.status) for problem in problems} == {
            ("The weights of tiny give no usable attention.", "Copy them again.", 503)
        }
        asked.ask(service, PROMPT)
        assert worker.n_calls == 2

    @pytest.mark.parametrize("asked", [QUESTIONS[name] for name in READ_TEXT], ids=READ_TEXT)
    def test_two_texts_are_worked_on_side_by_side(self, service, monkeypatch, asked):
        both = threading.Barrier(2)
        worker = Worker(monkeypatch, asked.owner, asked.worker, lambda: both.wait(WAIT_S))
        results = at_once([lambda: asked.ask(service, PROMPT), lambda: asked.ask(service, OTHER_PROMPT)])
        assert [result for result in results if isinstance(result, Exception)] == []
        assert worker.n_calls == 2

    def test_different_circuits_are_computed_side_by_side(self, service, monkeypatch):
        three = threading.Barrier(3)
        Worker(monkeypatch, circuits, "compute_composition", lambda: three.wait(WAIT_S))
        fits = at_once([lambda kind=kind: service.circuits.composition(MODEL, kind) for kind in "QKV"])
        assert [fit.kind for fit in fits] == ["Q", "K", "V"]


class TestForgetting:
    def test_nothing_is_left_in_memory(self, service):
        for asked in QUESTIONS.values():
            asked.ask(service, PROMPT)
        caches = (service._passes, service.experiments._results, service.circuits._results)
        assert all(cache.n_bytes > 0 for cache in caches)
        service._forget(MODEL)
        assert [cache.n_bytes for cache in caches] == [0, 0, 0]

    @every_question
    def test_whoever_asks_after_it_does_not_get_what_began_before(self, service, monkeypatch, asked):
        gate = Gate(lambda: None)
        worker = Worker(monkeypatch, asked.owner, asked.worker, lambda: gate() if worker.n_calls == 1 else None)
        before = InBackground(lambda: asked.ask(service, PROMPT))
        gate.wait_until_begun()
        service._forget(MODEL)
        asked.ask(service, PROMPT)
        assert worker.n_calls == 2
        gate.let_go()
        assert same(before.result(), asked.ask(service, PROMPT)), "whoever asked before gets the answer all the same"
        assert worker.n_calls == 2

    @pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in ("forward pass", "means")])
    def test_who_took_the_model_before_and_computes_after_leaves_nothing_old_behind(self, name, tmp_path, monkeypatch):
        """The worst moment: files change between the look for the model and the look for the result."""
        folder = save_tiny_model(tmp_path / MODEL)
        settings, ask = Settings(models_dir=tmp_path, data_dir=tmp_path / "data", offline=True), QUESTIONS[name].ask
        service = Headlight(settings)
        old = ask(service, PROMPT)
        service._forget(MODEL)
        lab = service.circuits if QUESTIONS[name].owner is circuits else service.experiments
        gate = Gate(lambda: None)
        late = Worker(monkeypatch, lab._results, "once", lambda: gate() if late.n_calls == 1 else None)
        before = InBackground(lambda: ask(service, PROMPT))
        gate.wait_until_begun()
        change_weights(folder)
        service._forget(MODEL)
        gate.let_go()
        assert same(before.result(), old)
        new = ask(service, PROMPT)
        assert same(new, ask(Headlight(settings), PROMPT))
        assert not same(new, old)


def kinds_of_questions() -> dict[str, Callable[[Headlight], Any]]:
    """Questions of which every two differ in one thing that the answer depends on."""
    asked: dict[str, Callable[[Headlight], Any]] = {}
    for method in ("zero", "mean", "resample"):
        asked |= {
            f"off {method}": lambda s, way=method: s.experiments.switch_off(MODEL, PROMPT, [(0, 1)], way),
            f"copy {method}": lambda s, way=method: s.experiments.second_copy(MODEL, PROMPT, [(0, 1)], way),
            f"later {method}": lambda s, way=method: s.experiments.later_patterns(MODEL, PROMPT, [(0, 1)], way),
            f"scan {method}": lambda s, way=method: s.experiments.scan(MODEL, PROMPT, way),
        }
    for kind in "QKV":
        asked[f"composition {kind}"] = lambda s, kind=kind: s.circuits.composition(MODEL, kind)
    for heads in ([(0, 2)], [(0, 1), (1, 2)]):
        asked |= {
            f"off {heads}": lambda s, heads=heads: s.experiments.switch_off(MODEL, PROMPT, heads, "zero"),
            f"copy {heads}": lambda s, heads=heads: s.experiments.second_copy(MODEL, PROMPT, heads, "zero"),
            f"later {heads}": lambda s, heads=heads: s.experiments.later_patterns(MODEL, PROMPT, heads, "zero"),
        }
    for position in (3, 5):
        asked |= {
            f"off at {position}": lambda s, at=position: s.experiments.switch_off(MODEL, PROMPT, [(0, 1)], "zero", at),
            f"scan at {position}": lambda s, at=position: s.experiments.scan(MODEL, PROMPT, "zero", at),
            f"logits at {position}": lambda s, at=position: s.experiments.direct_logits(MODEL, PROMPT, (0, 1), at),
            f"attribution at {position}": lambda s, at=position: s.experiments.token_attribution(MODEL, PROMPT, at),
        }
    for head in ((0, 1), (0, 2)):
        asked |= {
            f"logits {head}": lambda s, head=head: s.experiments.direct_logits(MODEL, PROMPT, head),
            f"circuits {head}": lambda s, head=head: s.circuits.of_head(MODEL, head),
            f"tokens {head}": lambda s, head=head: s.circuits.token_circuits(MODEL, PROMPT, (2, 0), head),
            f"tokens of {head}": lambda s, head=head: s.circuits.token_circuits(MODEL, PROMPT, head),
            f"average {head}": lambda s, head=head: s.circuits.average_pattern(MODEL, head),
        }
    for text in (PROMPT, OTHER_PROMPT):
        asked |= {f"{name} {text}": lambda s, ask=QUESTIONS[name].ask, text=text: ask(s, text) for name in READ_TEXT}
    return asked


class TestNoMixUp:
    def test_on_one_service_every_question_gets_the_answer_that_it_gets_alone(self, service):
        """Zero, then mean; one head, then another; a position, then another: no key forgets what the answer needs."""
        questions = kinds_of_questions()
        together = {name: ask(service) for name, ask in questions.items()}
        for name, ask in questions.items():
            service._forget(MODEL)
            assert same(ask(service), together[name]), name

    @pytest.mark.parametrize(
        ("question", "figures"),
        [
            ("off", lambda result: [result.kl_nats, *(draw.kl_nats for draw in result.controls)]),
            ("copy", lambda result: [result.rise, *result.control_rises]),
            ("later", lambda result: result.after.moved),
            ("scan", lambda result: result.kl_nats),
        ],
    )
    def test_zero_mean_and_resample_are_three_answers(self, service, question, figures):
        questions = kinds_of_questions()
        methods = ("zero", "mean", "resample")
        results = {method: questions[f"{question} {method}"](service) for method in methods}
        assert [str(result.method) for result in results.values()] == list(methods)
        for one, other in combinations(results.values(), 2):
            assert not np.allclose(figures(one), figures(other), rtol=1e-3, atol=0)

    def test_another_control_is_another_question(self, service, monkeypatch):
        """The same heads, compared with heads that do not hold a role, and with others."""
        results = {}
        for holders in (frozenset(), frozenset({(0, 2), (1, 1)})):
            monkeypatch.setattr(experiments, "role_holders", lambda *_asked, holders=holders: holders)
            for name in ("off", "copy", "later"):
                results[name, holders] = kinds_of_questions()[f"{name} zero"](service).controls
        for name in ("off", "copy", "later"):
            free, bound = (controls for (asked, _), controls in results.items() if asked == name)
            assert {draw.heads for draw in free} != {draw.heads for draw in bound}

    def test_what_is_told_about_one_text_is_not_told_about_another_that_reads_the_same(self, service):
        """A lone NUL is left out with a notice; the ids are those of the text without it."""
        broken = service.experiments.logit_lens(MODEL, f"{PROMPT}\0")
        whole = service.experiments.logit_lens(MODEL, PROMPT)
        assert same(broken.probs, whole.probs)
        assert "could not be read" in broken.notices[0].sentence
        assert whole.notices == ()


@every_question
def test_nobody_can_change_what_others_are_given(service, asked):
    result = asked.ask(service, PROMPT)
    for part in parts_of(result):
        assert not isinstance(part, list | dict | set | bytearray)
        assert not isinstance(part, np.ndarray) or not part.flags.writeable
        assert not is_dataclass(part) or type(part).__dataclass_params__.frozen


class TestProgress:
    @pytest.mark.parametrize(
        ("owner", "worker", "ask"),
        [
            (
                experiments,
                "scan_heads",
                lambda s, progress: s.experiments.scan(MODEL, PROMPT, "zero", progress=progress),
            ),
            (circuits, "compute_composition", lambda s, progress: s.circuits.composition(MODEL, "K", progress)),
            *(
                (
                    experiments,
                    f"measure_{name}",
                    lambda s, progress, name=name: getattr(s.experiments, name)(
                        MODEL, PROMPT, [(0, 1)], "zero", progress=progress
                    ),
                )
                for name in ("second_copy", "later_patterns")
            ),
        ],
    )
    def test_who_leaves_ends_it_for_itself_alone(self, service, monkeypatch, owner, worker, ask):
        class LeftError(Exception):
            pass

        def leave(*_done: int) -> None:
            gate()
            raise LeftError

        gate, told, begun = Gate(lambda: None), [], Worker(monkeypatch, owner, worker)
        leaving = InBackground(lambda: ask(service, leave))
        gate.wait_until_begun()
        staying = InBackground(lambda: ask(service, lambda *done: told.append(done)))
        time.sleep(SLOW_S)
        assert begun.n_calls == 1
        gate.let_go()
        assert isinstance(leaving.result(), LeftError)
        result = staying.result()
        assert same(result, ask(service, None))
        assert begun.n_calls == 2
        n_done, n_all = told[-1]
        assert n_done == n_all > 0, "who computes instead is told how far it is"

    @pytest.mark.parametrize("name", ["second_copy", "later_patterns"])
    def test_measuring_the_means_is_a_part_of_it(self, service, name):
        told: list[tuple[int, int]] = []
        getattr(service.experiments, name)(MODEL, PROMPT, [(0, 1)], progress=lambda *done: told.append(done))
        shares = [n_done / n_all for n_done, n_all in told]
        assert shares == sorted(shares)
        assert 0 < shares[0] < experiments.MEANS_SHARE
        assert experiments.MEANS_SHARE in shares
        assert shares[-1] == 1


class TestComparisonsInTheBackground:
    QUESTION = RunQuestion(Kind.COMPOSITION, MODEL, "", "K")

    def test_a_run_and_whoever_asks_directly_share_one_computation(self, service, monkeypatch):
        gate = Gate(lambda: None)
        worker = Worker(monkeypatch, circuits, "compute_composition", gate)
        assert not service.circuits.knows(MODEL, "K")
        service.experiments.runs.start(self.QUESTION)
        gate.wait_until_begun()
        direct = InBackground(lambda: service.circuits.composition(MODEL, "K"))
        gate.let_go()
        status = service.experiments.runs.start(self.QUESTION, patience_s=WAIT_S)
        assert status.result is direct.result()
        assert service.circuits.knows(MODEL, "K")
        assert not service.circuits.knows(MODEL, "Q")
        assert worker.n_calls == 1

    def test_margins_are_measured_once_with_the_pairs_and_before_the_page_is_known(self, service, monkeypatch):
        worker = Worker(monkeypatch, circuits, "compute_margins")
        told: list[tuple[int, int]] = []
        service.circuits.composition(MODEL, "K")
        assert not service.circuits.knows(MODEL, "K")
        service.circuits.compare(MODEL, "K", lambda *done: told.append(done))
        shares = [n_done / n_all for n_done, n_all in told]
        assert shares == sorted(shares)
        assert shares[0] == circuits.PAIRS_SHARE
        assert shares[-1] == 1
        assert service.circuits.knows(MODEL, "K")
        assert service.circuits.margins(MODEL) is service.circuits.margins(MODEL)
        assert worker.n_calls == 1
        service.circuits.compare(MODEL, "Q")
        assert service.circuits.knows(MODEL, "Q")

    def test_a_refusal_is_kept_and_takes_no_pairs_away(self, service, monkeypatch):
        def refuse():
            raise UserError("It does not add up.", "Choose another model.")

        worker = Worker(monkeypatch, circuits, "compute_margins", refuse)
        assert service.circuits.compare(MODEL, "K").kind == "K"
        assert service.circuits.knows(MODEL, "K")
        for _ in range(2):
            with pytest.raises(UserError, match="does not add up"):
                service.circuits.margins(MODEL)
        assert worker.n_calls == 1

    def test_after_files_have_changed_it_is_not_known(self, service):
        service.circuits.compare(MODEL, "K")
        service._forget(MODEL)
        assert not service.circuits.knows(MODEL, "K")

    def test_gpt2_of_its_shipped_results_is_known_without_its_model(self, service):
        assert all(service.circuits.knows("gpt2", kind) for kind in "QKV")
        assert not service.circuits.knows("no such model", "K")


class TestScansInTheBackground:
    QUESTION = RunQuestion(Kind.SCAN, MODEL, PROMPT, "zero", -1)

    def until_it_ends(self, service: Headlight) -> Any:
        for _ in range(int(WAIT_S / 0.01)):
            status = service.experiments.runs.status(self.QUESTION)
            assert status is not None
            if not status.is_running:
                return status.result
            time.sleep(0.01)
        raise AssertionError("It did not end.")

    def test_their_result_is_that_of_the_question_and_is_forgotten_with_all_others(self, service, monkeypatch):
        worker = Worker(monkeypatch, experiments, "scan_heads")
        assert service.experiments.runs.status(self.QUESTION) is None
        service.experiments.runs.start(self.QUESTION)
        result = self.until_it_ends(service)
        assert same(result, service.experiments.scan(MODEL, PROMPT, "zero"))
        assert worker.n_calls == 1
        service._forget(MODEL)
        assert service.experiments.runs.status(self.QUESTION) is None
        service.experiments.runs.start(self.QUESTION)
        self.until_it_ends(service)
        assert worker.n_calls == 2

    def test_one_on_its_way_begins_again_with_the_weights_as_they_are_now(self, tmp_path, monkeypatch):
        folder = save_tiny_model(tmp_path / MODEL)
        service = Headlight(Settings(models_dir=tmp_path, data_dir=tmp_path / "data", offline=True))
        old = service.experiments.scan(MODEL, PROMPT, "zero")
        service._forget(MODEL)
        gate = Gate(lambda: None)
        worker = Worker(monkeypatch, experiments, "scan_heads", lambda: gate() if worker.n_calls == 1 else None)
        service.experiments.runs.start(self.QUESTION)
        gate.wait_until_begun()
        change_weights(folder)
        service._forget(MODEL)
        status = service.experiments.runs.status(self.QUESTION)
        assert status is not None
        assert (status.is_running, status.n_done) == (True, 0)
        gate.let_go()
        new = self.until_it_ends(service)
        assert worker.n_calls == 2
        assert not same(new, old)
        assert same(new, service.experiments.scan(MODEL, PROMPT, "zero"))
