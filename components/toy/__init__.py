"""The toy page: one attention layer beside two."""
