"""Experiments without a model: results of the right types and shapes, made up by rule, to test pages and callbacks.

Only induction heads matter here. Switching `n` of them off takes 21 points each from the probability of the first
guess; any other head moves it by at most two. Questions are checked by the real code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.errors import UserError
from utils.experiments.controls import Controls, HeadSet, draw_controls, role_holders
from utils.experiments.direct_logits import DirectLogits, Push
from utils.experiments.distribution import Guess
from utils.experiments.experiments import Experiments
from utils.experiments.later_patterns import LaterPatterns, PatternChange
from utils.experiments.logit_lens import LogitLens
from utils.experiments.questions import Method, check_heads, check_position, read_method
from utils.experiments.runs import Runs
from utils.experiments.scan import Scan
from utils.experiments.second_copy import CopyDraw, CopyLoss, SecondCopy
from utils.experiments.switch_off import ControlDraw, SwitchOff
from utils.forward_pass import ForwardPass
from utils.heads import HeadId
from utils.tokens import Token

if TYPE_CHECKING:
    from tests.fake_service import FakeHeadlight

FIRST_PROB, COST = 0.58, 0.21
GUESSES = (" river", " sea", " castle", " water", " forest", " hill", " garden", " snow", " town", " dark")
PROBS = (FIRST_PROB, 0.09, 0.06, 0.05, 0.03, 0.02, 0.02, 0.02, 0.01, 0.01)
LOSS = CopyLoss(3.1, 0.4)


class FakeExperiments:
    """Takes the place of `utils.experiments.experiments.Experiments`."""

    def __init__(self, service: FakeHeadlight, token: Callable[[str], Token]):
        self._service = service
        self._token = token
        self.runs = Runs(lambda asked, progress: Experiments.answer(self, asked, progress))  # type: ignore[arg-type]

    def switch_off(
        self,
        model: str,
        prompt: str,
        heads: Iterable[tuple[int, int]],
        method: str = Method.MEAN,
        position: int = -1,
        role: str | None = None,
        progress: Any = None,
        second: str = "",
    ) -> SwitchOff:
        forward, chosen, control = self._ask(model, prompt, heads, role)
        after = self._first_prob(model, chosen)
        return SwitchOff(
            heads=chosen,
            method=read_method(method),
            position=check_position(position, len(forward.tokens)),
            before=self._guesses(FIRST_PROB),
            after=self._guesses(after),
            kl_nats=kl_of(after),
            controls=tuple(
                ControlDraw(draw, kl_of(self._first_prob(model, draw)), self._first_prob(model, draw))
                for draw in control.draws
            ),
            direct_kl_nats=None,
            control_layers=control.layers,
        )

    def second_copy(
        self,
        model: str,
        prompt: str,
        heads: Iterable[tuple[int, int]],
        method: str = Method.MEAN,
        role: str | None = None,
        progress: Any = None,
    ) -> SecondCopy:
        forward, chosen, control = self._ask(model, prompt, heads, role)
        if len(forward.tokens) < 2:
            raise UserError("One token is too little to say twice.", "Add a few words.")

        def loss(off: HeadSet) -> CopyLoss:
            return CopyLoss(LOSS.first, LOSS.second + 10 * (FIRST_PROB - self._first_prob(model, off)))

        controls = tuple(CopyDraw(draw, loss(draw)) for draw in control.draws)
        way, n_tokens, layers = read_method(method), len(forward.tokens), control.layers
        return SecondCopy(chosen, way, 1, n_tokens, LOSS, loss(chosen), controls, control_layers=layers)

    def later_patterns(
        self,
        model: str,
        prompt: str,
        heads: Iterable[tuple[int, int]],
        method: str = Method.MEAN,
        role: str | None = None,
        progress: Any = None,
        second: str = "",
    ) -> LaterPatterns:
        forward, chosen, control = self._ask(model, prompt, heads, role)
        scores = {key: np.array(live.score) for key, live in self._service.analyze(model, prompt).live.items()}

        def change(off: HeadSet, share: float) -> PatternChange:
            moved = np.zeros((forward.n_layers, forward.n_heads))
            moved[min(off)[0] + 1 :] = share * (1 + np.arange(forward.n_heads)) / forward.n_heads
            return PatternChange(off, moved, {key: score * (1 - share) for key, score in scores.items()})

        controls = tuple(change(draw, 0.1) for draw in control.draws)
        return LaterPatterns(read_method(method), scores, change(chosen, 0.8), controls, control_layers=control.layers)

    def scan(
        self,
        model: str,
        prompt: str,
        method: str = Method.MEAN,
        position: int = -1,
        progress: Callable[[int, int], object] | None = None,
        second: str = "",
    ) -> Scan:
        forward = self._service.forward(model, prompt)
        shape = forward.shape
        after = np.array([self._first_prob(model, (head,)) for head in shape.all()]).reshape(shape.as_tuple)
        if progress is not None:
            progress(after.size, after.size)
        return Scan(
            read_method(method),
            check_position(position, len(forward.tokens)),
            self._guesses(FIRST_PROB)[0],
            np.vectorize(kl_of)(after),
            after - FIRST_PROB,
        )

    def _compose(self, model: str, kind: str, progress: Any) -> Any:
        return self._service.circuits.compare(model, kind, progress)

    def direct_logits(self, model: str, prompt: str, head: tuple[int, int], position: int = -1) -> DirectLogits:
        forward, (chosen,), _draws = self._ask(model, prompt, [head], None)
        place = check_position(position, len(forward.tokens))
        looked_at = forward.tokens[int(forward.patterns[chosen][place].argmax())]
        is_copier = chosen in self._induction(model)
        up = [looked_at if is_copier else self._token(" stream"), *map(self._token, (" bank", " lake"))]
        down = map(self._token, (" king", " his", " lost"))
        return DirectLogits(
            head=chosen,
            position=place,
            up=tuple(Push(token, logit) for token, logit in zip(up, (3.1, 1.6, 0.8), strict=True)),
            down=tuple(Push(token, logit) for token, logit in zip(down, (-0.9, -0.6, -0.4), strict=True)),
            first_guess=Push(self._token(" river"), 3.1 if is_copier else -0.04),
            identity_error=0.00003,
        )

    def logit_lens(self, model: str, prompt: str, progress: Any = None) -> LogitLens:
        forward = self._service.forward(model, prompt)
        n_steps, n_tokens = forward.n_layers + 1, len(forward.tokens)
        final_probs = np.linspace(0.01, FIRST_PROB, n_steps, dtype=np.float32)[:, None].repeat(n_tokens, axis=1)
        tokens = tuple(
            tuple(tuple(map(self._token, GUESSES[step % 3 :][:3])) for _ in forward.tokens) for step in range(n_steps)
        )
        return LogitLens(tokens, np.stack([final_probs, final_probs / 2, final_probs / 4], axis=-1), final_probs)

    def forget(self) -> None:
        """Keeps nothing."""

    def _ask(
        self, model: str, prompt: str, heads: Iterable[tuple[int, int]], role: str | None
    ) -> tuple[ForwardPass, HeadSet, Controls]:
        forward = self._service.forward(model, prompt)
        chosen = check_heads(heads, forward.shape)
        excluded = role_holders(self._service.catalogue(model), chosen, role)
        return forward, chosen, draw_controls(forward.shape, chosen, excluded)

    def _induction(self, model: str) -> frozenset[HeadId]:
        catalogue = self._service.catalogue(model)
        return frozenset(catalogue.holders_of("induction") if catalogue is not None else ())

    def _first_prob(self, model: str, off: HeadSet) -> float:
        n_induction = len(self._induction(model).intersection(off))
        if n_induction:
            return max(0.01, FIRST_PROB - COST * n_induction)
        return FIRST_PROB + 0.01 * (sum(head.head for head in off) % 5 - 2)

    def _guesses(self, first_prob: float) -> tuple[Guess, ...]:
        rest = (1 - first_prob) / (1 - FIRST_PROB)
        probs = (first_prob, *(prob * rest for prob in PROBS[1:]))
        return tuple(
            Guess(self._token(text), prob, float(np.log(prob)) + 12) for text, prob in zip(GUESSES, probs, strict=True)
        )


def kl_of(after: float) -> float:
    """KL in nats when the first guess goes from FIRST_PROB to `after` and the others share the rest as before."""
    return float(FIRST_PROB * np.log(FIRST_PROB / after) + (1 - FIRST_PROB) * np.log((1 - FIRST_PROB) / (1 - after)))


def as_experiments(service: FakeHeadlight, token: Callable[[str], Token]) -> Any:
    """The fake in the type that the service promises."""
    return FakeExperiments(service, token)
