"""A small set of videos that the project renders itself, and untrained toy networks to score it."""

import csv
import io
import math
import shutil
from itertools import combinations, cycle
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from customstudio.evaluation.bundle import Run
from customstudio.files import write_text
from customstudio.media.video import write_video
from customstudio.metrics.spec import Array

NOTE = "demo: videos rendered by CustomStudio itself, of four made-up methods"
SIDE = 128
FRAMES = 8
FPS = 8.0
Colour = tuple[int, int, int]
SUBJECTS: dict[str, tuple[str, int, Colour, Colour]] = {
    "ball": ("toy", 0, (208, 60, 52), (250, 232, 180)),
    "crate": ("thing", 4, (64, 110, 190), (190, 215, 245)),
    "tent": ("thing", 3, (50, 150, 90), (225, 240, 150)),
    "gem": ("toy", 5, (150, 80, 170), (245, 190, 90)),
}
"""Subject -> category, corners (0: round), colour, colour of its stripes."""
PLACES: dict[str, tuple[Colour, Colour]] = {
    "on a beach": ((120, 190, 235), (235, 215, 160)),
    "in the snow": ((170, 185, 205), (245, 247, 250)),
}
"""Place -> colour of the sky, colour of the ground."""
METHODS = {
    "moving": "both subjects, moving",
    "still": "both subjects, one frame repeated",
    "collage": "two pictures side by side",
    "one missing": "the second subject is left out",
}


def demo(out: Path) -> Run:
    """Render references and videos of four made-up methods, then evaluate them for real.

    Every step is the one that real videos go through; only the networks are toys with random
    values, so that the seam and motion metrics are the only ones whose values mean anything.
    """
    from customstudio.cli.progress import RichProgress
    from customstudio.evaluation.api import evaluate
    from customstudio.weights import random_weights

    earlier = out / "run" / "run.json"
    if earlier.is_file() and NOTE in earlier.read_text():
        shutil.rmtree(earlier.parent)  # a demo's own run, perhaps of an older version
    render(out / "videos")
    list(random_weights.write(out / "weights", toy=True))
    return evaluate(
        out / "videos",
        protocol="toy-v0",
        weights_dir=out / "weights",
        out=out / "run",
        note=NOTE,
        progress=RichProgress(),
    )


def render(folder: Path) -> None:
    """Write `references/SUBJECT/NN.png`, the videos, and the `manifest.csv` that describes them."""
    for name in SUBJECTS:
        for number, place in enumerate([*PLACES, *PLACES]):
            path = folder / "references" / name / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = _frame([name], place, 0.3 + 0.2 * number, scale=1.5)
            Image.fromarray(picture).save(path)
    rows = [_video(folder, m, p, q) for m in METHODS for p, q in _scenes()]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "manifest.csv", table.getvalue())


def _scenes() -> list[tuple[tuple[str, str], str]]:
    """Every pair of subjects, in one place after another."""
    return list(zip(combinations(SUBJECTS, 2), cycle(PLACES), strict=False))


def _video(folder: Path, method: str, pair: tuple[str, str], place: str) -> dict[str, str]:
    frames = []
    for number in range(FRAMES):
        time = 0.0 if method == "still" else number / FRAMES
        if method == "collage":
            halves = [
                _frame([name], p, time, scale=1.5) for name, p in zip(pair, PLACES, strict=True)
            ]
            frame = np.concatenate([half[:, SIDE // 4 : -SIDE // 4] for half in halves], axis=1)
        else:
            frame = _frame(pair[:1] if method == "one missing" else pair, place, time)
        frames.append(frame)
    name = f"{method.replace(' ', '-')}/{'+'.join(pair)}-{place.replace(' ', '-')}.mp4"
    write_video(folder / name, np.stack(frames), FPS)
    return {
        "path": name,
        "method": method,
        "prompt": f"a {pair[0]} and a {pair[1]} {place}",
        "subjects": ";".join(pair),
        "categories": ";".join(SUBJECTS[s][0] for s in pair),
        "seed": "0",
    }


def _frame(
    names: tuple[str, ...] | list[str], place: str, time: float, *, scale: float = 1.0
) -> UInt8[Array, "128 128 3"]:
    sky, ground = PLACES[place]
    # Drawn at four times the size and reduced: smooth edges without a drawing library.
    image = Image.new("RGB", (4 * SIDE, 4 * SIDE), sky)
    # Hills: a level horizon between two flat colours would be a seam, and rightly so.
    hills = [
        (float(x), SIDE * (2.6 + 0.3 * math.sin(x / SIDE * 2.1))) for x in range(0, 4 * SIDE + 1, 8)
    ]
    corners = [(4.0 * SIDE, 4.0 * SIDE), (0.0, 4.0 * SIDE)]
    ImageDraw.Draw(image).polygon(hills + corners, fill=ground)
    for index, name in enumerate(names):
        x = (index + 0.5) / len(names) + 0.1 * math.sin(2 * math.pi * (time + 0.3 * index))
        y = 0.6 - 0.12 * abs(math.sin(2 * math.pi * (time + 0.5 * index)))
        _draw(image, name, (4 * SIDE * x, 4 * SIDE * y), 0.6 * SIDE * scale, turn=0.4 * time)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _draw(
    image: Image.Image, name: str, centre: tuple[float, float], radius: float, turn: float
) -> None:
    _, corners, colour, stripes = SUBJECTS[name]
    mask = Image.new("L", image.size)
    count = corners or 64
    angles = [2 * math.pi * (k / count + turn) for k in range(count)]
    points = [(centre[0] + radius * math.sin(a), centre[1] - radius * math.cos(a)) for a in angles]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    skin = Image.new("RGB", image.size, colour)
    pen = ImageDraw.Draw(skin)
    for step in range(-4, 5, 2):
        y = centre[1] + step * radius / 4
        pen.rectangle((0, y, image.width, y + radius / 5), fill=stripes)
    image.paste(skin, mask=mask)
