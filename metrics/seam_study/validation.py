"""How well the seam detector works, on subjects that it was not fitted on.

`python -m customstudio.metrics.seam_study.validation --references DIR [--videos DIR] [--out DIR]`
prints the tables of docs/metrics/stitch_score.md; `--out` gets contact sheets of the failures.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from customstudio.media.video import VIDEO_SUFFIXES, open_video
from customstudio.metrics.backbones.seams import find_seam
from customstudio.metrics.seam_study.data import Sample, load_images, samples, split
from customstudio.metrics.seam_study.report import Verdict, save_failures, summary, table

COUNT, SEED = 500, 2
STITCHED_VIDEOS = (
    "videodreamer/compare_examples_gifs_13.gif",
    "videodreamer/compare_examples_gifs_23.gif",
    "videodreamer/compare_examples_gifs_33.gif",
)
"""Real videos with two pictures side by side in every frame; all others have none (by eye)."""
REAL = ("photograph", "building")


def judged(made: Iterable[Sample]) -> list[Verdict]:
    """The detector's verdict on each sample; the frames themselves are kept for failures only."""
    verdicts = []
    for sample in made:
        verdict = Verdict(sample, find_seam(sample.frame))
        if verdict.right:
            sample = Sample(**{**vars(sample), "frame": np.zeros((0, 0, 3), np.uint8)})
        verdicts.append(Verdict(sample, verdict.seam))
    return verdicts


def video_samples(folder: Path) -> Iterator[Sample]:
    """All frames of all videos below a folder, labelled by eye."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES):
        name = path.relative_to(folder).as_posix()
        with open_video(path) as video:
            for i, frame in enumerate(video):
                size = f"{video.width}x{video.height}"
                yield Sample(frame, name in STITCHED_VIDEOS, name, "gif", size, f"{name} {i}")


def photographs(references: Path) -> Iterator[Sample]:
    """Every held-out reference image whole, as it is."""
    _, held_out = split(load_images(references))
    for subject, images in held_out.items():
        for i, image in enumerate(images):
            size = f"{image.shape[1]}x{image.shape[0]}"
            yield Sample(image, False, "photograph", "none", size, f"{subject} {i}")


def main() -> None:
    """Judge the made frames, the whole photographs, and the videos; print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--out", type=Path, help="folder for contact sheets of the failures")
    parser.add_argument("--count", type=int, default=COUNT, help="stitched frames, and others")
    options = parser.parse_args()
    _, held_out = split(load_images(options.references))
    made = judged(samples(held_out, options.count, SEED))
    yes = [verdict for verdict in made if verdict.sample.stitched]
    no = [verdict for verdict in made if not verdict.sample.stitched]
    print(f"Held-out subjects: {', '.join(sorted(held_out))}.")
    print(summary("Made frames", made))
    print(table("stitched, kind", yes, lambda s: s.kind))
    print(table("stitched, treatment", yes, lambda s: s.treatment))
    print(table("stitched, size", yes, lambda s: s.size))
    print(table("not stitched, kind", no, lambda s: s.kind))
    print(table("not stitched, treatment", no, lambda s: s.treatment))
    print(table("not stitched, size", no, lambda s: s.size))
    print(
        table("photographs, subject", [v for v in no if v.sample.kind in REAL], lambda s: s.source)
    )
    whole = judged(photographs(options.references))
    print(summary("Held-out photographs, whole", whole))
    print("\n" + "\n".join(f"- {v.sample.source}: {v.seam}" for v in whole if v.called))
    groups = {"made": made, "photographs": whole}
    if options.videos:
        groups["videos"] = judged(video_samples(options.videos))
        print(summary("Real customized videos", groups["videos"]))
        chosen = {v.sample.kind for v in groups["videos"] if v.called or not v.right}
        shown = [v for v in groups["videos"] if v.sample.kind in chosen]
        print(table("videos with a call or a miss", shown, lambda s: s.kind))
    for name, verdicts in groups.items() if options.out else ():
        for path in save_failures(options.out, name, verdicts):
            print(f"failures: {path}")


if __name__ == "__main__":
    main()
