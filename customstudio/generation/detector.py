"""The box of what a noun names in a picture, by Grounding DINO (arXiv:2303.05499).

The network is transformers' `GroundingDinoForObjectDetection`. Its text is the noun in lower case
with a dot at the end, as transformers writes a class. Of its boxes that score above `THRESHOLD` the
one with the highest score is taken. The threshold is the default of LangSAM, with which VCD's
authors' code makes its masks; that code takes the first such box instead.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray

from customstudio.generation.pretrained import read_network, reading

RULE = 1
"""Version of the choice, and of what SAM is asked with a box; it is part of what a mask is cached
under."""
THRESHOLD = 0.3
"""A box counts whose score, from 0 to 1, is above it."""


class Detector:
    """Grounding DINO, loaded."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        """Load it from a folder with the files that the weights' manifest lists.

        Raises:
            UserError: a file is damaged, or does not fit the architecture that the folder states.
        """
        from transformers import (
            BertTokenizer,
            GroundingDinoForObjectDetection,
            GroundingDinoImageProcessor,
            GroundingDinoProcessor,
        )

        with reading(folder, "detector", "grounding-dino-tiny"):
            model = read_network(GroundingDinoForObjectDetection, folder)
            pixels, words = (
                part.from_pretrained(str(folder), local_files_only=True)
                for part in (GroundingDinoImageProcessor, BertTokenizer)
            )
        self._model, self._device = model.to(device), device
        self._processor = GroundingDinoProcessor(pixels, words)

    @torch.no_grad()
    def box(
        self, image: UInt8[NDArray[np.uint8], "height width 3"], noun: str
    ) -> list[float] | None:
        """Left, top, right and bottom, in pixels, of what the noun names; None: nothing scores."""
        asked = self._processor(images=image, text=text_of(noun), return_tensors="pt")
        asked = asked.to(self._device)
        (found,) = self._processor.post_process_grounded_object_detection(
            self._model(**asked), asked["input_ids"], threshold=THRESHOLD,
            target_sizes=[image.shape[:2]],
        )  # fmt: skip
        if not len(found["scores"]):
            return None
        box: list[float] = found["boxes"][found["scores"].argmax()].tolist()
        return box


def text_of(noun: str) -> str:
    """The text for a noun: one phrase; a dot would end it.

    >>> text_of("St. Bernard")
    'st bernard.'
    """
    return " ".join(noun.lower().replace(".", " ").split()) + "."
