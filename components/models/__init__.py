"""The Models page: what is on this computer, what is known, and the analysis that runs."""
