"""Forward passes through PyVene: read every head's attention pattern, read or replace what every head hands on.

The one folder that imports PyVene (Wu et al. 2024, "pyvene: A Library for Understanding and Improving PyTorch Models
via Interventions"). `hooks.py` makes it safe, `patterns.py` reads patterns, `ablation.py` switches heads off,
`residual.py` reads what every part of the model writes, `placement.py` what attention is told of positions.
"""

from utils.pyvene_engine.ablation import ablate_heads, capture_head_values
from utils.pyvene_engine.hooks import Capture
from utils.pyvene_engine.patterns import capture_patterns, capture_values
from utils.pyvene_engine.placement import Placement, capture_placement
from utils.pyvene_engine.residual import ResidualStream, ablate_beside_residual, capture_residual

__all__ = [
    "Capture",
    "Placement",
    "ResidualStream",
    "ablate_beside_residual",
    "ablate_heads",
    "capture_head_values",
    "capture_patterns",
    "capture_placement",
    "capture_residual",
    "capture_values",
]
