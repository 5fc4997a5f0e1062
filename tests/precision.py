"""How far apart two float32 routes to the same number may come out: the tolerances of tests that run a model.

A batch and a single pass, PyVene and a hook by hand, a matrix and its factors add the same products in another order,
and processors differ in that order too. The error goes by the size of what is added up and not by what is left of it,
so no absolute tolerance fits every number. Each one here is at least ten times the largest difference seen under the
settings of `make processors` (in brackets), and far below what these tests are about: a head that is off in a tiny
model changes a logit by 0.01 and more, and the next token by 0.001 nats and more.

Numbers that are rounded, published or made in float64 have tolerances of their own where they are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

EPS = float(np.finfo(np.float32).eps)  # 1.2e-7, the step from 1 to the next float32

# One attention weight: it moves by as much as the scores under the softmax, which are of up to 50 (7e-6).
WEIGHT = 1e-4

# The probability of a guess: a softmax of logits of up to 40, most of them far smaller (1.1e-6).
PROB = 2e-5

# The sum of one row's weights, or a mean of many: their errors cancel, and 100 roundings are left (4e-7).
MEAN_WEIGHT = 1e-5

# KL in nats: large ones move by a share of themselves (9e-6), the smallest by the roundings of their parts (1e-8).
KL = {"rel": 1e-4, "abs": 1e-6}

# A ratio of norms, eigenvalues or singular values of small matrices, at most about 1 (2e-7).
RATIO = 1e-5


def of_size(numbers: Any) -> float:
    """For sums of products, such as logits or what heads write: 128 steps of the largest of them (7 steps).

    Args: numbers: a tensor, an array or a list, all of one kind. Example: 0.0005 for logits of up to 32.
    """
    values = numbers.detach() if isinstance(numbers, torch.Tensor) else np.asarray(numbers)
    return 128 * EPS * float(abs(values).max())
