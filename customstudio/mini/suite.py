"""The suites `mini` and `mini-dev`: subjects that no training has seen, in files like any suite's.

`mini-dev` is for choosing settings: it has the pairs of prompt set `brief`, with other individuals.
`python -m customstudio.mini.suite` writes their folders in `suites/data` anew; a test holds the
files to it.
"""

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from customstudio.files import replacing, write_text
from customstudio.mini.look import Identity
from customstudio.mini.world import CAMERAS, Scene, portrait
from customstudio.suites.declaration import DATA
from customstudio.suites.inventory import Inventory, describe, write_inventory

FOLDER, DEV_FOLDER = DATA / "mini", DATA / "mini-dev"
REFERENCES, SIDE = 4, 128
SUBJECTS = {
    "pet_cat1": Identity("cat", 1_000_155),
    "pet_cat2": Identity("cat", 1_000_230),  # of nearly the same colours as the first
    "pet_dog1": Identity("dog", 1_000_001),
    "pet_dog2": Identity("dog", 1_000_004),
    "person_man1": Identity("man", 1_000_051),
    "person_man2": Identity("man", 1_000_076),  # alike
    "person_woman1": Identity("woman", 1_000_002),
    "person_woman2": Identity("woman", 1_000_005),
    "plush_bear1": Identity("bear plushie", 1_000_105),
    "plush_bear2": Identity("bear plushie", 1_000_309),  # alike
    "toy_robot": Identity("robot toy", 1_000_001),
    "toy_duck": Identity("duck toy", 1_000_003),
    "plant_flower": Identity("flower", 1_000_002),
    "furniture_chair": Identity("chair", 1_000_001),
    "transport_car1": Identity("car", 1_000_054),
    "transport_car2": Identity("car", 1_000_223),  # alike
    "wearable_sneaker": Identity("sneaker", 1_000_001),
    "thing_backpack": Identity("backpack", 1_000_002),
    "decor_vase": Identity("vase", 1_000_001),
    "instrument_guitar": Identity("guitar", 1_000_001),
    "scene_barn": Identity("barn", 1_000_001),
}
PAIRS = (
    ("pet_cat1", "pet_cat2"),
    ("pet_cat1", "pet_dog1"),
    ("person_man1", "person_man2"),
    ("person_woman1", "pet_dog2"),
    ("person_man1", "person_woman2"),
    ("plush_bear1", "plush_bear2"),
    ("toy_robot", "toy_duck"),
    ("transport_car1", "transport_car2"),
    ("transport_car2", "scene_barn"),
    ("plant_flower", "decor_vase"),
    ("furniture_chair", "thing_backpack"),
    ("person_woman2", "instrument_guitar"),
    ("pet_cat2", "pet_dog1", "toy_duck"),
    ("person_man2", "person_woman1", "wearable_sneaker"),
)
TEMPLATES = (
    ("walking", "on the beach"),
    ("jumping", "in the snow"),
    ("walking", "in the city"),
    ("sitting", "in a living room"),
    ("playing with a ball", "in a forest"),
    ("sitting", "on a surfboard in the ocean"),
    ("walking", "in the mountains"),
    ("jumping", "in the desert"),
    ("playing with a ball", "on the beach"),
    ("spinning", "in a forest"),
)
BRIEF = (
    ("pet_cat1", "pet_dog1"),
    ("person_woman1", "pet_dog2"),
    ("toy_robot", "toy_duck"),
    ("plush_bear1", "plush_bear2"),
    ("plant_flower", "decor_vase"),
    ("pet_cat2", "pet_dog1", "toy_duck"),
)
"""The pairs of prompt set `brief`, for demos and trials: 24 jobs."""
BRIEF_TEMPLATES = (1, 5)
DEV_SUBJECTS = {
    name: replace(identity, seed=identity.seed + 1_000_000)
    for name, identity in SUBJECTS.items()
    if any(name in pair for pair in BRIEF)
}
_WHO = {2: "a <c1> and a <c2>", 3: "a <c1>, a <c2> and a <c3>"}


def scene(pair: str, prompt_id: str, seed: int | str) -> Scene:
    """The scene that a job of the suite asks for.

    >>> scene("pet_cat1+pet_dog1", "T2-02", 0).caption
    'a cat and a dog jumping in the snow'
    """
    action, place = TEMPLATES[int(prompt_id.rpartition("-")[2]) - 1]
    number = zlib.crc32(f"{pair}/{prompt_id}/{seed}".encode())
    subjects = tuple(SUBJECTS[name] for name in pair.split("+"))
    return Scene(subjects, action, place, CAMERAS[number % 4], seed=number % 2**31)


def write(
    folder: Path,
    subjects: Mapping[str, Identity] = SUBJECTS,
    pairs: Sequence[tuple[str, ...]] = PAIRS,
) -> None:
    """Write the suite of a folder's name: its tables, reference images and their masks."""
    _tables(folder, subjects, pairs)
    entries = {}
    for name, identity in subjects.items():
        for number in range(REFERENCES):
            clip = portrait(identity, number, SIDE)
            mask = (255 * clip.masks(0)[0]).astype(np.uint8)
            for kind, picture in (("refs", clip.frames[0]), ("masks", mask)):
                relative = f"{kind}/{name}/{number:02d}.png"
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                with replacing(folder / relative) as file:
                    Image.fromarray(picture).save(file, "PNG", optimize=True)
                entries[relative] = describe(folder / relative, "mini world", "rendered")
    write_inventory(folder, Inventory(suite=folder.name).with_files(entries))


def _tables(
    folder: Path, subjects: Mapping[str, Identity], pairs: Sequence[tuple[str, ...]]
) -> None:
    subject_rows = [
        {
            "id": name,
            "class_noun": identity.noun,
            "prompt_noun": identity.noun,
            "category": identity.category,
            "source_dataset": "mini world",
            "source_path": str(identity.seed),
            "n_images": REFERENCES,
            "n_images_status": "rendered",
            "licence": "Apache-2.0",
            "evidence": "rendered by CustomStudio",
        }
        for name, identity in subjects.items()
    ]
    pair_rows = []
    for names in pairs:
        members = [subjects[name] for name in names]
        nouns = [m.noun for m in members]
        pair_rows.append(
            {
                "subjects": "+".join(names),
                "type": f"[{', '.join(m.category for m in members)}]",
                "same_noun": "yes" if len(set(nouns)) < len(nouns) else "no",
                "evidence": "rendered by CustomStudio",
                "template_set:world": f"T{len(names)}",
                "template_set:brief": f"B{len(names)}" if names in BRIEF else "",
            }
        )
    prompts = [
        {
            "prompt_set": prompt_set,
            "id": f"{letter}{count}-{index:02d}",
            "template_set": f"{letter}{count}",
            "text": f"{_WHO[count]} {action} {place}",
            "source": "CustomStudio",
            "problems": "",
        }
        for prompt_set, letter in (("world", "T"), ("brief", "B"))
        for count in _WHO
        for index, (action, place) in enumerate(TEMPLATES, 1)
        if prompt_set == "world" or index in BRIEF_TEMPLATES
    ]
    for name, rows in (("subjects", subject_rows), ("pairs", pair_rows), ("prompts", prompts)):
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(folder / f"{name}.csv", table.getvalue())


if __name__ == "__main__":
    write(FOLDER)
    write(DEV_FOLDER, DEV_SUBJECTS, BRIEF)
