"""Circuits: what a head looks for, what it writes, and which later heads read it.

Most of it is told from the weights alone, after Elhage et al. 2021, "A Mathematical Framework for Transformer
Circuits". In reading order: `weights.py` (where each family keeps W_Q, W_K, W_V and W_O, and how norms are folded into
them), `spectra.py` (the QK and the OV circuit of one head), `positions.py` (how a head looks by distance),
`head_circuits.py` (all of that for every head), `composition.py` and `baseline.py` (how well two heads fit, and how
well random ones do), `token_circuits.py` (both circuits on the tokens of a text), `average_pattern.py` (where a head
looks on the catalogue's texts), `shipped.py` (GPT-2's results, which come with Headlight). What a head does read is
told from texts: `margin.py` (who writes what a head goes by), `frozen_reading.py` and `margin_parts.py` (how that is
measured). `circuits.py` is their door.

What these numbers say: `jobs.py` (which jobs the heads are known to have), `readers.py` (which later heads read a
head, and which pair says most), `own_token.py` (whether a head looks for its own token), `copying.py` (whether it
writes what it looks at).

Row vectors throughout: x @ W. W_QK = W_Q W_K^T and W_OV = W_V W_O are d_model x d_model and of rank d_head at most, so
they are never built; everything is computed from the factors.
"""
