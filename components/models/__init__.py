"""The Models page: what is on this computer, what is known, and the catalogue job that runs."""
