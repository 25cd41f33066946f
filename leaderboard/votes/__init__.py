"""Votes: how comparisons are handed out, kept, and turned into rankings with intervals."""
