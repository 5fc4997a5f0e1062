"""Models on this computer: where their files are, what they say of themselves, and how they are loaded and removed.

`utils/model_config.py` says which families and models there are.
"""
