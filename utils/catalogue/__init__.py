"""The catalogue: which roles each head of a model has, measured once per model and kept in `head_categories.json`.

In reading order: `inputs.py` (the texts), `engines.py` (where patterns come from), `building.py` (who holds a role),
`suggestions.py` (prompts that light a role), `run.py` (all of it for one model), `schema.py` (what is kept), `file.py`
and `store.py` (where), `jobs.py` (a run in the background of a server).
"""
