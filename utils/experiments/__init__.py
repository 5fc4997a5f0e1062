"""Experiments on heads: a pattern is a correlation, and only switching a head off can tell whether it is a cause.

In reading order: `questions.py` (what may be asked), `controls.py` (other heads to compare with),
`reference_values.py` (what stands in for a head that is off), then one experiment per file: `switch_off.py` (the next
token) with `verdict.py` (what it means), `word_cause.py` (one word that heads write, `word_at_stake.py`) with
`word_verdict.py`, `second_copy.py` (the loss on a repeated text), `later_patterns.py` (where
later heads look) with `path_experiment.py` (what the heads that read a writer lose without it), `scan.py` (every head,
one at a time), `direct_logits.py` (what a head writes, by `residual_parts.py` and `frozen_norm.py`), `logit_lens.py`
(what the model would say after each layer). `experiments.py` is their door,
and `runs.py` runs what takes long in the background.
"""
