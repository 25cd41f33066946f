"""Pretrained weights: where they come from, and proof that they are what they claim."""
