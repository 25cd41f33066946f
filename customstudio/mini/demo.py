"""The demo: three sources of videos of the embedded world, evaluated and compared for real."""

import shutil
from pathlib import Path

from customstudio.evaluation.api import evaluate
from customstudio.evaluation.bundle import Run
from customstudio.evaluation.runner import Progress
from customstudio.files import locked
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Job

NOTE = "mini: not comparable with official scores"
SOURCES = {
    "truth": ("", 0.0, "rendered as the prompt says: what a perfect method would give"),
    "blending": ("blend", 1.0, "the subjects' looks run into each other"),
    "pasting": ("copy_paste", 1.0, "a reference image laid over the place of its subject"),
}
"""Source -> the fault it has, how much of it, and what it is in words."""


def demo(out: Path, progress: Progress | None = None) -> list[Run]:
    """Render a handful of jobs of suite `mini` from each source, and evaluate each.

    Every step is the one that real videos go through, with networks that were trained on the
    embedded world. What an earlier demo left in the folder is replaced.
    """
    runs = []
    with locked(out):
        for source, (fault, severity, about) in SOURCES.items():
            videos, run = out / "videos" / source, out / source
            earlier = run / "run.json"
            if earlier.is_file() and NOTE in earlier.read_text():
                shutil.rmtree(run)
            write_videos(videos, [Wanted(source, job, fault, severity) for job in jobs()])
            runs.append(
                evaluate(
                    videos,
                    references=data_dir("mini") / "refs",
                    protocol="mini-v1",
                    out=run,
                    card={"name": source, "about": about},
                    note=NOTE,
                    progress=progress,
                )
            )
    return runs


def jobs() -> list[Job]:
    """One job of every pair, with another prompt for each."""
    suite = load_suite("mini")
    first = [job for job in suite.jobs if job.seed == suite.seeds[0]]
    by_pair = [[job for job in first if job.pair == pair] for pair in suite.pairs]
    return [mine[index % len(mine)] for index, mine in enumerate(by_pair)]
