"""Measures: the ways in which a role can be measured, from what a head does on a text to "active" and its reasons.

`measure.py` says what a measure owes; `attention_to.py` measures attention that goes to a predicted set of keys (with
`luck.py`, what random heads get there), `evenness.py` how evenly attention is spread. `copies.py` finds what repeats.

A measure is one class of one file here; a role (`utils/roles.py`) names the one that measures it.
"""
