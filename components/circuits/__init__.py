"""The circuits page: which head reads which, told from the weights, and one head up close."""
