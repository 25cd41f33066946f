"""Where the masks of references come from: the suite, the user's folder, or a segmenter."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from customstudio.errors import UserError
from customstudio.files import replacing, sha256_file
from customstudio.generation.parts import locate_networks
from customstudio.generation.records import MaskSource
from customstudio.records import digest
from customstudio.suites.schema import Reference
from customstudio.weights.store import Located

if TYPE_CHECKING:
    from customstudio.generation.segmenter import Segmenter

SUITE, SEGMENT = "suite", "segment"
NETWORK = "sam-vit-base"
References = Mapping[str, tuple[Reference, ...]]


def from_folder(references: References, folder: Path) -> dict[str, tuple[Reference, ...]]:
    """The references with masks of the user's, `folder/SUBJECT/NN.png`, and with no others.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            "no such folder of masks",
            where=f"--masks {folder}",
            fix="give suite, segment, or a folder with SUBJECT/NN.png for each reference image",
        )
    found = {}
    for subject, images in references.items():
        masks = [folder / subject / f"{image.path.stem}.png" for image in images]
        found[subject] = tuple(
            Reference(path=image.path, mask=mask if mask.is_file() else None)
            for image, mask in zip(images, masks, strict=True)
        )
    return found


def locate_segmenter() -> Located:
    """The segmenter's files.

    Raises:
        UserError: they are missing; says size, licence and command.
    """
    instead = ", or masks of your own: --masks DIR"
    return locate_networks([NETWORK], "the segmenter's weights", instead)[NETWORK]


def source_of(masks: str, located: Located | None) -> MaskSource | None:
    """What is recorded: nothing where the masks are the suite's own."""
    if located is not None:
        from customstudio.generation.segmenter import RULE

        return MaskSource(
            kind="segment", network=located.network.id, status=located.status,
            sha256=located.sha256, rule=RULE,
        )  # fmt: skip
    return None if masks == SUITE else MaskSource(kind="folder")


def segmented(
    references: References, subjects: Sequence[str], located: Located, device: str
) -> dict[str, tuple[Reference, ...]]:
    """The references with a mask for each image of subjects that has none; made once, then cached.

    Raises:
        UserError: the segmenter cannot be loaded, or finds nothing in an image.
    """
    from customstudio.generation.segmenter import RULE, Segmenter

    segmenter: Segmenter | None = None
    found = dict(references)
    for subject in subjects:
        images = []
        for image in references[subject]:
            place = _cached(image.path, located, RULE)
            if image.mask is None and not place.is_file():
                if segmenter is None:
                    segmenter = Segmenter(located.files["model.safetensors"].parent, device)
                _write(segmenter, image.path, place)
            images.append(Reference(path=image.path, mask=image.mask or place))
        found[subject] = tuple(images)
    return found


def _cached(image: Path, located: Located, rule: int) -> Path:
    """A mask's place: by the bytes of its image, the network and the rule of the choice."""
    from platformdirs import user_cache_dir

    root = Path(os.environ.get("CUSTOMSTUDIO_CACHE") or user_cache_dir("customstudio"))
    key = digest([sha256_file(image), located.sha256, rule])
    return root / "masks" / f"{key[:32]}.png"


def _write(segmenter: "Segmenter", image: Path, place: Path) -> None:
    import numpy as np
    from PIL import Image

    mask = segmenter.mask(image)
    with replacing(place) as file:
        Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
