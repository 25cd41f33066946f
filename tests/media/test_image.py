"""Reference images and masks: every common mode, orientation, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from customstudio.media.image import load_image
from customstudio.media.limits import Limits, MediaError
from customstudio.media.masks import load_mask, whiten
from customstudio.media.pixels import over_white


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "avif"])
def test_lossless_formats(suffix: str, rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    options = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
    path = saved(tmp_path / f"i.{suffix}", Image.fromarray(rgb), **options.get(suffix, {}))
    bound = 3 if suffix == "avif" else 0
    assert np.abs(load_image(path).astype(int) - rgb).max() <= bound


def test_grey_bilevel_and_sixteen_bits(tmp_path: Path) -> None:
    values = np.array([[0, 1, 128, 255]], np.uint8)
    wanted = values[..., None].repeat(3, 2)
    assert np.array_equal(load_image(saved(tmp_path / "l.png", Image.fromarray(values))), wanted)
    sixteen = Image.fromarray(values.astype(np.uint16) * 256 + 77)
    for suffix in ("png", "tif"):
        assert np.array_equal(load_image(saved(tmp_path / f"16.{suffix}", sixteen)), wanted)
    bits = saved(tmp_path / "b.png", Image.fromarray(values > 100))
    assert load_image(bits)[0, :, 0].tolist() == [0, 0, 255, 255]


def test_floating_point_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "f.tif", Image.fromarray(np.ones((2, 2), np.float32)))
    with pytest.raises(MediaError, match="kind F, where 8 or 16 bits are expected"):
        load_image(path)


def test_print_colours(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    path = saved(tmp_path / "c.jpg", Image.fromarray(flat).convert("CMYK"), quality=100)
    assert np.abs(load_image(path).astype(int) - flat).max() <= 3


def test_transparency_lies_over_white(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    alpha = np.zeros((6, 10, 1), np.uint8)
    alpha[2:], alpha[1] = 255, 128
    image = Image.fromarray(np.concatenate([rgb, alpha], -1))
    wanted = over_white(np.asarray(image))
    assert (wanted[0] == 255).all()
    assert np.array_equal(wanted[2:], rgb[2:])
    assert np.array_equal(load_image(saved(tmp_path / "a.png", image)), wanted)
    grey = image.convert("LA")
    assert (load_image(saved(tmp_path / "la.png", grey))[0] == 255).all()
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    for transparency in (1, bytes([255, 0])):
        path = saved(tmp_path / "p.png", palette, transparency=transparency)
        assert load_image(path).tolist() == [[[10, 20, 30], [255, 255, 255]]]


@given(value=st.integers(0, 255), alpha=st.integers(0, 255))
@settings(deadline=None)
def test_over_white_is_rounded_once(value: int, alpha: int) -> None:
    found = over_white(np.array([[[value, value, value, alpha]]], np.uint8))[0, 0, 0]
    assert abs(int(found) - (value * alpha + 255 * (255 - alpha)) / 255) <= 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_orientation_is_applied(
    orientation: int, rgb: NDArray[np.uint8], tmp_path: Path
) -> None:
    stored = {
        1: rgb, 2: rgb[:, ::-1], 3: rgb[::-1, ::-1], 4: rgb[::-1], 5: rgb.transpose(1, 0, 2),
        6: np.rot90(rgb, 1), 7: np.rot90(rgb, 2).transpose(1, 0, 2), 8: np.rot90(rgb, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    saved(path, Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert np.array_equal(load_image(path), rgb)


def test_what_is_refused(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(rgb.repeat(9, 0).repeat(9, 1)).save(whole, "JPEG")
    contents = {
        b"": "empty",
        b"hello, this is no image": "not an image",
        whole.getvalue()[: len(whole.getvalue()) // 2]: "cannot be decoded|damaged",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n": "not an image",
        b"P6 99999 99999 255\n": "not an image",
    }
    for content, reason in contents.items():
        (tmp_path / "x.jpg").write_bytes(content)
        with pytest.raises(MediaError, match=reason):
            load_image(tmp_path / "x.jpg")
    with pytest.raises(MediaError, match="no such file"):
        load_image(tmp_path / "missing.png")
    with pytest.raises(MediaError, match="a folder, not a file"):
        load_image(tmp_path)
    saved(tmp_path / "wide.png", Image.new("1", (100, 100)))
    with pytest.raises(MediaError, match="100x100, above the limit of 9,999 pixels"):
        load_image(tmp_path / "wide.png", Limits(pixels=9_999))


@pytest.mark.parametrize("side", [9_000, 20_000])
def test_decompression_bombs(side: int, tmp_path: Path) -> None:
    """A few kilobytes of black; 20,000 is beyond Pillow's own guard too."""
    path = tmp_path / "bomb.png"
    header = bytearray(io_png(1))
    header[16:24] = side.to_bytes(4, "big") * 2
    import zlib

    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(header))
    with pytest.raises(MediaError, match=r"above the limit|exceeds limit"):
        load_image(path)


def io_png(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, "PNG")
    return out.getvalue()


# Pillow warns of damaged TIFF tables; a user may see that beside the reason.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")
def test_mutated_images_give_pixels_or_reasons(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in ("png", "jpg", "webp", "tif", "gif"):
        path = tmp_path / f"m.{suffix}"
        whole = saved(path, Image.fromarray(rgb)).read_bytes()
        reasons = 0
        for _ in range(80):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 4):
                data[place] = rng.integers(256)
            path.write_bytes(bytes(data))
            try:
                assert load_image(path, Limits(pixels=1 << 20)).ndim == 3
            except MediaError:
                reasons += 1
        assert reasons


def test_masks(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    grey = np.zeros((6, 10), np.uint8)
    grey[2:4, 3:9], grey[0, 0] = 255, 127
    path = saved(tmp_path / "m.png", Image.fromarray(grey))
    mask = load_mask(path, (6, 10))
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, grey == 255)
    white = whiten(rgb, mask)
    assert np.array_equal(white[mask], rgb[mask])
    assert (white[~mask] == 255).all()
    assert np.array_equal(load_mask(path, (12, 20)), mask.repeat(2, 0).repeat(2, 1))
    with pytest.raises(MediaError, match="10x6, its image 6x10: another shape"):
        load_mask(path, (10, 6))
    with pytest.raises(MediaError, match="marks nothing"):
        load_mask(saved(tmp_path / "black.png", Image.new("L", (10, 6))), (6, 10))


def test_real_references_and_masks(shared_media: Path) -> None:
    paths = sorted((shared_media / "refs").glob("*/*.jpg"))
    for path in paths[::9]:
        with Image.open(path) as image:
            assert np.array_equal(load_image(path), np.asarray(image.convert("RGB")))
    for path in sorted((shared_media / "masks").glob("*/*.png"))[::9]:
        image = load_image(shared_media / "refs" / path.parent.name / f"{path.stem}.jpg")
        assert 0.01 < load_mask(path, image.shape[:2]).mean() < 0.99
