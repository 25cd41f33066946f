"""Submissions to the leaderboard."""
