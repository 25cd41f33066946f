"""The resizes equal torchvision's own, to the last bit."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from customstudio.media.transform import Transform

SIZES = st.one_of(st.integers(1, 40), st.integers(1, 700))
SHAPES = st.sampled_from([(224, 224), (256, 224), (32, 24), (7, 12), (1, 1), (5, 9)])


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=150, deadline=None)
@given(height=SIZES, width=SIZES, sides=SHAPES, seed=st.integers(0, 99), bilinear=st.booleans())
def test_pil_is_torchvision_on_pil_images(
    height: int, width: int, sides: tuple[int, int], seed: int, bilinear: bool
) -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    # A shorter side of one pixel makes the other thousands long: not needed to be that large.
    if max(height, width) * sides[0] // min(height, width) > 4000:
        return
    mode = InterpolationMode.BILINEAR if bilinear else InterpolationMode.BICUBIC
    image = picture(height, width, seed)
    theirs = Compose([Resize(sides[0], mode), CenterCrop(sides[1])])(Image.fromarray(image))
    ours = Transform(*sides, interpolation="bilinear" if bilinear else "bicubic")(image)
    assert ours.dtype == np.uint8
    assert np.array_equal(ours, np.asarray(theirs))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(4, 300), width=st.integers(4, 300), seed=st.integers(0, 99))
def test_tensor_is_torchvision_on_tensors(height: int, width: int, seed: int) -> None:
    import torch
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    image = picture(height, width, seed)
    theirs = Compose([Resize(64, InterpolationMode.BICUBIC, antialias=False), CenterCrop(48)])(
        torch.from_numpy(image.copy()).permute(2, 0, 1)
    )
    ours = Transform(64, 48, method="tensor-no-antialias")(image)
    assert ours.dtype == np.uint8
    assert np.array_equal(ours, theirs.permute(1, 2, 0).numpy())


def test_the_two_methods_differ() -> None:
    image = picture(320, 576, 0)
    pil, tensor = (
        Transform(224, 224)(image),
        Transform(224, 224, method="tensor-no-antialias")(image),
    )
    assert np.abs(pil.astype(int) - tensor).mean() > 5


@pytest.mark.parametrize("sides", [(224, 224), (256, 224)])
def test_views_and_read_only_frames(sides: tuple[int, int]) -> None:
    image = picture(400, 500, 1)
    view = image[::-1, 20:420][:, ::2]
    view.setflags(write=False)
    transform = Transform(*sides)
    result = transform(view)
    assert np.array_equal(result, transform(np.ascontiguousarray(view)))
    result[:] = 0  # its own memory
    assert view.any()


def test_no_torch_for_pil() -> None:
    program = (
        "import sys, numpy as np\n"
        "from customstudio.media.image import Transform\n"
        "import customstudio.media.video, customstudio.media.masks\n"
        "Transform(224, 224)(np.zeros((9, 9, 3), np.uint8))\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
