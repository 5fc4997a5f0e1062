"""The page of one head: where it looks, its evidence, and experiments on it."""
