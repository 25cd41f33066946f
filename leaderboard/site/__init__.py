"""The leaderboard as static pages."""
