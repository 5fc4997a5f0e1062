"""All heads of a model, as a table and as a map."""
