"""Measures: the ways in which a role can be measured, from what a head does on a text to its state and its reasons.

What a measure is made of: `reading.py` (what it sees), `evidence.py` (rows that can tell), `figures.py` (scores),
`states.py` (what is decided); `measure.py` says what it owes. The measures: `attention_to.py` (attention that goes to a
predicted set of keys, with `luck.py`, what blind looking gets there), `resting.py`, `evenness.py`. `copies.py` finds
what repeats.

A measure is one class of one file here; a role (`utils/roles.py`) names the one that measures it.
"""
