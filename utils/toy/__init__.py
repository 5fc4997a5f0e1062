"""The toy pair: what two attention-only models, one layer beside two, are like now and were while they were trained.

In reading order: `pair.py` (both models on one text), `looks.py` (where their heads look at one token, and who left a
note there), `dynamics.py` (scores and losses along the training), `growth.py` (which jobs the heads had at each step),
`detectors.py` (the simplest detectors, kept apart).
"""
