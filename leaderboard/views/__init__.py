"""The pages of the leaderboard, one file each: every one has a function `page`."""
