"""`python -m tests.leaderboard.served STORE PORT`: the board, knowing the small world."""

import sys
from pathlib import Path

from customstudio.leaderboard.serve import serve
from tests.leaderboard.world import know_small_world

if __name__ == "__main__":
    know_small_world()
    serve(Path(sys.argv[1]), port=int(sys.argv[2]))
