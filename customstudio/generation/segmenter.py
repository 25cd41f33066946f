"""A mask for a picture of one subject, by SAM ("Segment Anything", arXiv:2304.02643).

The network is transformers' `SamModel`. SAM does not say which of the things in a picture is the
subject. With a detector, the thing is in the box that it finds for the subject's noun, and SAM
gives one mask of it: VCD's prompt-to-segmentation (arXiv:2402.09368). Without, that choice is ours
and simple: reference images show their subject in the middle. SAM is asked for the thing at the
picture's centre and answers with three masks; of those that hold the centre and cover neither next
to nothing nor the whole picture, the one that SAM itself scores highest is taken. Where none is
left, a person must draw the mask.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy.typing import NDArray

from customstudio.errors import UserError
from customstudio.generation.detector import Detector
from customstudio.generation.pretrained import read_network, reading
from customstudio.media.image import load_image
from customstudio.media.limits import MediaError

RULE = 1
"""Version of the choice without a detector; it is part of what a mask is cached under."""
LEAST, MOST = 0.01, 0.95
"""Share of the picture that a subject covers."""


class Segmenter:
    """SAM, loaded."""

    def __init__(self, folder: Path, device: str = "cpu", detector: Detector | None = None) -> None:
        """Load SAM from a folder with its `config.json` and `model.safetensors`.

        Args:
            detector: says where the subject is; None: it is in the middle.

        Raises:
            UserError: the file does not fit the architecture that the folder states.
        """
        from transformers import SamImageProcessor, SamModel, SamProcessor

        with reading(folder, "segmenter", "sam-vit-base"):
            model = read_network(SamModel, folder)
        self._model, self._device, self._detector = model.to(device), device, detector
        side = int(model.config.vision_config.image_size)
        self._processor = SamProcessor(
            SamImageProcessor(
                size={"longest_edge": side}, pad_size={"height": side, "width": side},
                mask_size={"longest_edge": side // 4},
            )
        )  # fmt: skip

    def mask(self, path: Path, noun: str) -> Bool[NDArray[np.bool_], "height width"] | None:
        """The mask of the subject in an image file; None: nothing in it can be its subject.

        Args:
            noun: of the subject, for the detector.

        Raises:
            UserError: it cannot be read.
        """
        try:
            image = load_image(path)
        except MediaError as error:
            raise UserError(str(error), where=str(path), fix="replace it") from error
        if self._detector is None:
            height, width = image.shape[:2]
            return choose(*self._answer(image, input_points=[[[width / 2, height / 2]]]))
        box = self._detector.box(image, noun)
        if box is None:
            return None
        (mask,), _ = self._answer(image, input_boxes=[[box]])
        return mask if mask.any() else None

    @torch.no_grad()
    def _answer(
        self, image: UInt8[NDArray[np.uint8], "height width 3"], **prompt: list[list[list[float]]]
    ) -> tuple[Bool[NDArray[np.bool_], "masks height width"], Float[NDArray[Any], " masks"]]:
        """SAM's masks and its scores of them: three for a point, one for a box."""
        asked: Any = self._processor(image, return_tensors="pt", **prompt)
        sizes = asked.pop("original_sizes"), asked.pop("reshaped_input_sizes")
        inputs = {name: value.float().to(self._device) for name, value in asked.items()}
        found = self._model(**inputs, multimask_output="input_points" in prompt)
        masks = self._processor.post_process_masks(found.pred_masks.cpu(), *sizes)[0][0]
        return masks.numpy(), found.iou_scores[0, 0].float().cpu().numpy()


def choose(
    masks: Bool[NDArray[np.bool_], "masks height width"], scores: Float[NDArray[Any], " masks"]
) -> Bool[NDArray[np.bool_], "height width"] | None:
    """The mask of the subject: at the centre, of a likely size, with the highest score.

    >>> small, all_ = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    >>> small[1:3, 1:3] = True
    >>> choose(np.stack([all_, small]), np.array([0.9, 0.5])).sum()
    np.int64(4)
    """
    best = None
    for index in np.argsort(-scores, kind="stable"):
        mask = masks[index]
        at_centre = mask[mask.shape[0] // 2, mask.shape[1] // 2]
        if best is None and at_centre and LEAST <= mask.mean() <= MOST:
            best = mask
    return best
