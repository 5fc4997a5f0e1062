"""The text that a page opens on. Chosen by measuring, of seventeen plain sentences that are said twice: in every model
of text that ships, in SmolLM2 and in Gemma 3 each of its words is one token, all jobs that a look at the text can tell
(previous, induction, duplicate and current token) light up where the model has them, and the likeliest next token is
the right one. tests/test_example_texts.py measures it again.
"""

from __future__ import annotations

DEFAULT_PROMPT = "The girl found a red ball. The girl found a red"
