"""The entry that Streamlit runs for every look at the leaderboard."""

from customstudio.leaderboard.shell import run

run()
