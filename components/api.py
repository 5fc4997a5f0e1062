"""The addresses for scripts and for the heatmap frame.

`POST /api/analyze`, `POST /api/ablate`, `GET /api/circuits`, `GET /api/composition`, `GET /api/readers`,
`GET /heatmap`, `GET /health`.

Refusals are 4xx (503 when the server itself cannot answer) with `{"error": a sentence, "hint": what to do}`. Whatever
else goes wrong is logged with its trace, and the caller gets a sentence.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from utils.chat import ChatTurn
from utils.circuits.circuits import MARGIN_KIND
from utils.errors import UserError

if TYPE_CHECKING:
    from utils.service import Headlight

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 1_000_000
FRAME_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src data:; font-src 'self'; sandbox allow-scripts; frame-ancestors 'self'"
)

EXAMPLE = 'Send JSON such as {"model": "classroom-gpt2", "prompt": "The cat sat. The cat"}.'

View = Callable[..., Any]


def register(server: Flask, service: Headlight) -> None:
    """Add the addresses to a Flask server."""
    server.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    server.json.sort_keys = False  # type: ignore[attr-defined]  # roles stay in the page's order
    _add_questions(server, service)
    _add_weights(server, service)
    _add_heatmap_and_health(server, service)
    _add_refusals(server)


def _add_questions(server: Flask, service: Headlight) -> None:
    """What is asked about a text."""

    @server.post("/api/analyze")
    @_answers_json
    def analyze() -> Response:
        model, prompt = read_question(_body(), service.settings.default_model)
        return jsonify(service.analyze(model, prompt).as_json())

    @server.post("/api/ablate")
    @_answers_json
    def ablate() -> Response:
        body = _body()
        model, prompt = read_question(body, service.settings.default_model)
        ablation, target_id = read_ablation(body), read_target_id(body)
        found = service.ablate(model, prompt, *ablation).as_json()
        if target_id is None:
            return jsonify(found)
        heads, method, position, second = ablation
        word = service.experiments.word_cause(
            model, prompt, target_id, heads, method=method, position=position, second=second
        )
        return jsonify({**found, "target": word.as_json()})

    @server.get("/api/analyze")
    @server.get("/api/ablate")
    @_answers_json
    def wrong_method() -> Response:
        raise UserError("This address answers POST only.", EXAMPLE, status=405)


def _add_weights(server: Flask, service: Headlight) -> None:
    """What is told of a model's heads without a text."""

    @server.get("/api/circuits")
    @_answers_json
    def circuits() -> Response:
        model = request.args.get("model", service.settings.default_model)
        head = _whole_number("layer"), _whole_number("head")
        return jsonify(model=model, **service.circuits.of_head(model, head).as_json())

    @server.get("/api/composition")
    @_answers_json
    def composition() -> Response:
        model = request.args.get("model", service.settings.default_model)
        kind = request.args.get("kind")
        if kind is None:
            raise UserError("The link names no kind of composition.", "Write kind=Q, kind=K or kind=V.")
        return jsonify(model=model, **service.circuits.composition(model, kind).as_json())

    @server.get("/api/readers")
    @_answers_json
    def readers() -> Response:
        model = request.args.get("model", service.settings.default_model)
        margin = service.circuits.margin_of(model, (_whole_number("layer"), _whole_number("head")))
        return jsonify(model=model, **margin.as_json(service.circuits.composition(model, MARGIN_KIND)))

    @server.post("/api/circuits")
    @server.post("/api/composition")
    @server.post("/api/readers")
    @_answers_json
    def wrong_method_for_weights() -> Response:
        raise UserError("This address answers GET only.", "Put the question into the address.", status=405)


def _add_heatmap_and_health(server: Flask, service: Headlight) -> None:
    """BertViz's page of a head, and whether the server is well."""

    @server.get("/heatmap")
    @_answers_html
    def heatmap() -> Response:
        model = request.args.get("model", service.settings.default_model)
        layer, head = _whole_number("layer"), _whole_number("head")
        prompt = request.args.get("prompt", "")
        asked = ChatTurn(prompt) if request.args.get("chat") == "1" else prompt
        page = service.heatmap_html(model, asked, layer, head)
        return _html(page, 200)

    @server.get("/health")
    @_answers_json
    def health() -> Response:
        return jsonify(service.health())


def _add_refusals(server: Flask) -> None:
    """Sentences for addresses that are not there and for methods that they do not answer."""

    @server.route("/api/<path:address>", methods=["GET", "POST"])
    @_answers_json
    def unknown(address: str) -> Response:
        raise UserError(f"There is no address /api/{address}.", "The addresses are in the README.", status=404)

    @server.errorhandler(MethodNotAllowed)
    def other_method(error: MethodNotAllowed) -> Any:
        if not request.path.startswith(("/api", "/health")):
            return error
        sentence = f"This address does not answer {request.method[:20]}."
        return jsonify(error=sentence, hint="The README says which addresses answer GET and which POST."), 405


def read_question(body: Any, default_model: str) -> tuple[str, str]:
    """Model and prompt of a request body, the prompt a `ChatTurn` where it says `"chat": true`.

    Raises: UserError that names what is missing or of the wrong kind.
    """
    if not isinstance(body, dict):
        raise UserError("The request holds no JSON object.", EXAMPLE)
    model, prompt, is_chat = body.get("model", default_model), body.get("prompt"), body.get("chat", False)
    if not isinstance(model, str):
        raise UserError("The model must be a name in quotes.", EXAMPLE)
    if not isinstance(prompt, str):
        raise UserError("The prompt is missing, or is not text.", EXAMPLE)
    if not isinstance(is_chat, bool):
        raise UserError("Whether it is a chat turn must be true or false.", 'Write "chat": true.')
    return model, ChatTurn(prompt) if is_chat else prompt


def read_ablation(body: dict[str, Any]) -> tuple[list[tuple[int, int]], str, int, str]:
    """Heads, method, position and second text of a request body. Raises UserError that names what is of the wrong
    kind."""
    heads, method, position = body.get("heads"), body.get("method", "mean"), body.get("position", -1)
    second = body.get("other", "")
    if not isinstance(heads, list) or not all(_is_pair(head) for head in heads):
        raise UserError(
            "The heads must be a list of pairs, layer and head.", 'Write "heads": [[1, 4], [2, 0]], counted from 0.'
        )
    if not isinstance(method, str):
        raise UserError("The method must be a name in quotes.", "Choose zero, mean or resample.")
    if not _is_whole(position):
        raise UserError("The position must be a whole number.", "-1 is the last token.")
    if not isinstance(second, str):
        raise UserError("The other text is not text.", 'Write "other": "…", or leave it out.')
    return [(layer, head) for layer, head in heads], method, position, second


def read_target_id(body: dict[str, Any]) -> int | None:
    """The next token that a request body asks about, if it does. Raises UserError for what is no whole number."""
    target_id = body.get("target_id")
    if target_id is not None and not _is_whole(target_id):
        raise UserError("The target must be a token’s id, a whole number.", "The guesses before and after have theirs.")
    return target_id


def _body() -> Any:
    """What the request's JSON holds; None where that is not JSON, or is nested too deeply to be a question."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_number(name: str) -> int:
    text = request.args.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        wrong = f"names {text[:20]!r} as its {name}" if text else f"names no {name}"
        raise UserError(f"The link {wrong}.", f"Write {name}= and a whole number from 0 on, such as {name}=0.")
    return int(text)


def _answers_json(view: View) -> View:
    @wraps(view)
    def answer(**values: str) -> Any:
        try:
            return view(**values)
        except UserError as error:
            return jsonify(error=error.sentence, hint=error.hint), error.status
        except HTTPException as error:
            return jsonify(error=f"{error.description}", hint="Send a shorter text."), error.code or 400
        except Exception:
            log.exception("The request to %s failed", request.path)
            return jsonify(error="Something went wrong on our side.", hint="Try again; the log has the details."), 500

    return answer


def _answers_html(view: View) -> View:
    @wraps(view)
    def answer() -> Any:
        try:
            return view()
        except UserError as error:
            return _html(_message_page(error.sentence, error.hint), error.status)
        except Exception:
            log.exception("The request to %s failed", request.path)
            return _html(_message_page("Something went wrong on our side.", "Try again."), 500)

    return answer


def _html(page: str, status: int) -> Response:
    response = Response(page, status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _message_page(sentence: str, hint: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Headlight</title></head>'
        f"<body><h1>{html.escape(sentence)}</h1><p>{html.escape(hint)}</p></body></html>"
    )
