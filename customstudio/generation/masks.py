"""Where the masks of references come from: the suite, the user's folder, or networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from customstudio.errors import UserError
from customstudio.files import cache_folder, replacing, sha256_file
from customstudio.generation.parts import locate_networks
from customstudio.generation.records import DetectorUse, MaskSource
from customstudio.records import digest
from customstudio.suites.schema import Reference
from customstudio.weights.store import Located

if TYPE_CHECKING:
    from customstudio.generation.segmenter import Segmenter

SUITE, SEGMENT, PROMPT = "suite", "segment", "prompt"
NETWORK, DETECTOR = "sam-vit-base", "grounding-dino-tiny"
NETWORKS = {SEGMENT: (NETWORK,), PROMPT: (NETWORK, DETECTOR)}
"""What makes masks -> its networks."""
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
            fix="give suite, segment, prompt, or a folder with SUBJECT/NN.png for each reference",
        )
    found = {}
    for subject, images in references.items():
        masks = [folder / subject / f"{image.path.stem}.png" for image in images]
        found[subject] = tuple(
            Reference(path=image.path, mask=mask if mask.is_file() else None)
            for image, mask in zip(images, masks, strict=True)
        )
    return found


def locate_makers(masks: str) -> dict[str, Located]:
    """The files of the networks that are to make masks, by id.

    Raises:
        UserError: some are missing; says sizes, licences and command.
    """
    instead = ", or masks of your own: --masks DIR"
    return locate_networks(NETWORKS[masks], "the weights that make masks", instead)


def source_of(masks: str, makers: Mapping[str, Located]) -> MaskSource | None:
    """What is recorded: nothing where the masks are the suite's own."""
    if masks == SUITE:
        return None
    if masks not in NETWORKS:
        return MaskSource(kind="folder")
    sam = makers[NETWORK]
    return MaskSource(
        kind="prompt" if masks == PROMPT else "segment", network=NETWORK, status=sam.status,
        sha256=sam.sha256, rule=_rule(makers), detector=_detector(makers),
    )  # fmt: skip


def made(
    references: References, nouns: Mapping[str, str], makers: Mapping[str, Located], device: str
) -> dict[str, tuple[Reference, ...]]:
    """The references with a mask for each image that has none; made once, then cached.

    Args:
        references: subject -> images.
        nouns: subject -> its noun in prompts, of the subjects that need masks.
        makers: the networks, as `locate_makers` gives them.

    Raises:
        UserError: a network cannot be loaded, or finds nothing in some images; all are listed.
    """
    segmenter: Segmenter | None = None
    found, without = dict(references), []
    for subject, noun in nouns.items():
        images = []
        for image in references[subject]:
            place = _cached(image.path, noun, makers)
            if image.mask is None and not place.is_file():
                segmenter = segmenter or _load(makers, device)
                if not _write(segmenter, image.path, noun, place):
                    without.append(f"{image.path} ({noun})")
            images.append(Reference(path=image.path, mask=image.mask or place))
        found[subject] = tuple(images)
    if without:
        raise _nothing_found(without, by_noun=DETECTOR in makers)
    return found


def _rule(makers: Mapping[str, Located]) -> int:
    """Version of the choice of the subject."""
    from customstudio.generation import detector, segmenter

    return detector.RULE if DETECTOR in makers else segmenter.RULE


def _detector(makers: Mapping[str, Located]) -> DetectorUse | None:
    from customstudio.generation.detector import THRESHOLD

    if DETECTOR not in makers:
        return None
    used = makers[DETECTOR]
    return DetectorUse(
        network=DETECTOR, status=used.status, sha256=used.sha256, threshold=THRESHOLD
    )


def _cached(image: Path, noun: str, makers: Mapping[str, Located]) -> Path:
    """A mask's place: by the bytes of its image, the networks, what they are asked and the rule."""
    key = [sha256_file(image), makers[NETWORK].sha256, _rule(makers)]
    if used := _detector(makers):
        key += [used.sha256, used.threshold, noun]
    return cache_folder() / "masks" / f"{digest(key)[:32]}.png"


def _load(makers: Mapping[str, Located], device: str) -> "Segmenter":
    from customstudio.generation.detector import Detector
    from customstudio.generation.segmenter import Segmenter

    folders = {n: found.files["model.safetensors"].parent for n, found in makers.items()}
    detector = Detector(folders[DETECTOR], device) if DETECTOR in folders else None
    return Segmenter(folders[NETWORK], device, detector)


def _write(segmenter: "Segmenter", image: Path, noun: str, place: Path) -> bool:
    """Make a mask; False: there is nothing to make one of."""
    import numpy as np
    from PIL import Image

    mask = segmenter.mask(image, noun)
    if mask is not None:
        with replacing(place) as file:
            Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
    return mask is not None


def _nothing_found(images: list[str], *, by_noun: bool) -> UserError:
    where = "by the subject's noun" if by_noun else "in the middle"
    instead = ", or --masks segment for what is in the middle" if by_noun else ""
    return UserError(
        f"no mask can be made for {len(images)} pictures: nothing is found {where}",
        where="\n         ".join(images),
        fix=f"draw these masks, masks/SUBJECT/NN.png next to refs/{instead}",
    )
