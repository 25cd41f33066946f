"""Evaluation: a folder of videos in, a run bundle out."""
