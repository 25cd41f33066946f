"""A mask for a picture of one subject, by SAM ("Segment Anything", arXiv:2304.02643).

The network is transformers' `SamModel`. SAM does not say which of the things in a picture is the
subject; that choice is ours and simple: reference images show their subject in the middle. SAM is
asked for the thing at the picture's centre and answers with three masks; of those that hold the
centre and cover neither next to nothing nor the whole picture, the one that SAM itself scores
highest is taken. Where none is left, a person must draw the mask.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from customstudio.errors import UserError
from customstudio.media.image import load_image
from customstudio.media.limits import MediaError

RULE = 1
"""Version of the choice; it is part of what a mask is cached under."""
LEAST, MOST = 0.01, 0.95
"""Share of the picture that a subject covers."""


class Segmenter:
    """SAM, loaded."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        """Load SAM from a folder with its `config.json` and `model.safetensors`.

        Raises:
            UserError: the file does not fit the architecture that the folder states.
        """
        from safetensors import SafetensorError
        from transformers import SamImageProcessor, SamModel, SamProcessor

        try:
            model, report = SamModel.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, dtype=torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise _unusable(folder, str(error).splitlines()[0]) from error
        wrong = [name for kind in report.values() for name in kind or ()]
        if wrong:
            raise _unusable(folder, f"{len(wrong)} keys do not fit, as {wrong[0]}")
        self._model, self._device = model.to(device).eval(), device
        side = int(model.config.vision_config.image_size)
        self._processor = SamProcessor(
            SamImageProcessor(
                size={"longest_edge": side}, pad_size={"height": side, "width": side},
                mask_size={"longest_edge": side // 4},
            )
        )  # fmt: skip

    @torch.no_grad()
    def mask(self, path: Path) -> Bool[NDArray[np.bool_], "height width"]:
        """The mask of the subject in an image file.

        Raises:
            UserError: it cannot be read, or nothing in it can be its subject.
        """
        try:
            image = load_image(path)
        except MediaError as error:
            raise UserError(str(error), where=str(path), fix="replace it") from error
        height, width = image.shape[:2]
        asked: Any = self._processor(
            image, input_points=[[[width / 2, height / 2]]], return_tensors="pt"
        )
        sizes = asked.pop("original_sizes"), asked.pop("reshaped_input_sizes")
        inputs = {name: value.float().to(self._device) for name, value in asked.items()}
        found = self._model(**inputs, multimask_output=True)
        masks = self._processor.post_process_masks(found.pred_masks.cpu(), *sizes)[0][0]
        scores = found.iou_scores[0, 0].float().cpu()
        chosen = choose(masks.numpy(), scores.numpy())
        if chosen is None:
            raise UserError(
                "the segmenter finds no subject in the middle of the picture",
                where=str(path),
                fix="draw its mask and give the folder: --masks DIR, with DIR/SUBJECT/NN.png",
            )
        return chosen


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


def _unusable(folder: Path, why: str) -> UserError:
    return UserError(
        f"the segmenter cannot be loaded: {why}",
        where=str(folder),
        fix="remove the folder and run `customstudio weights fetch sam-vit-base`",
    )
