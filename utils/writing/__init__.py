"""What heads write: what each token of a text, where a head looks at it, would do to the next word.

`words.py` has the words that heads are tested with, `word_tokens.py` what a tokenizer makes of them, `values.py` what a
forward pass must bring, `tables.py` what is computed once for a model, `text_writing.py` what follows for one text,
`reasons.py` why a job is grey, `measuring.py` the test of every head of a model that the catalogue keeps.
"""
