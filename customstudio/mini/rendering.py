"""Videos of the suite's jobs as files, true or faulty, with the manifest that describes them."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from customstudio.files import write_text
from customstudio.media.video import write_video
from customstudio.mini.faults import faulty
from customstudio.mini.suite import scene
from customstudio.mini.world import FPS, Scene, render
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Job


@dataclass(frozen=True)
class Wanted:
    """One video to write."""

    method: str
    job: Job
    fault: str = ""
    """A key of `FAULTS`; empty: the true video."""
    severity: float = 0.0


def scene_of(job: Job) -> Scene:
    """The scene that a job of suite `mini` asks for."""
    return scene(job.pair, job.prompt_id, job.seed)


def write_videos(folder: Path, wanted: Iterable[Wanted]) -> None:
    """Write `METHOD/PAIR/PROMPT/SEED.mp4` for each, and `manifest.csv`.

    A video that is there already is not rendered again.
    """
    subjects = load_suite("mini").subjects
    rows = []
    for video in wanted:
        job = video.job
        path = folder / video.method / f"{job.id}.mp4"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            truth = scene_of(job)
            if video.fault:
                write_video(path, faulty(truth, video.fault, video.severity), FPS)
            else:
                write_video(path, render(truth).frames, FPS)
        rows.append(
            {
                "path": str(path.relative_to(folder)),
                "method": video.method,
                "prompt": job.prompt,
                "subjects": ";".join(job.subjects),
                "categories": ";".join(subjects[name].category for name in job.subjects),
                "seed": job.seed,
            }
        )
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "manifest.csv", table.getvalue())
