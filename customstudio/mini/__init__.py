"""The embedded world: a small world rendered with true labels, and networks trained on it."""
