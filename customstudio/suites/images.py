"""Is this file a whole image? For references, before anything is computed from them."""

from pathlib import Path

from customstudio.errors import UserError
from customstudio.records import Record

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


class ImageSize(Record):
    """Width and height in pixels, upright as people see it."""

    width: int
    height: int


def inspect(path: Path) -> ImageSize:
    """Decode an image to its last pixel and return its size.

    Raises:
        UserError: the file is missing, empty, not an image, too large or cut off.
    """
    from customstudio.media.image import open_image
    from customstudio.media.limits import DEFAULT_LIMITS, MediaError

    try:
        if path.stat().st_size == 0:
            raise MediaError("it has zero bytes")
        image = open_image(path, DEFAULT_LIMITS)
    except (OSError, MediaError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"unreadable image: {reason}",
            where=str(path),
            fix="replace the file, or delete it to go without this image",
        ) from error
    return ImageSize(width=image.width, height=image.height)


def natural_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which `2.jpg` comes before `10.jpg`.

    >>> [str(p) for p in sorted(map(Path, ["10.jpg", "b.jpg", "2.jpg"]), key=natural_order)]
    ['2.jpg', '10.jpg', 'b.jpg']
    """
    import re

    parts = re.findall(r"\d+|\D+", path.name)
    return tuple((0, int(p), p) if p.isdecimal() else (1, 0, p.lower()) for p in parts)


def image_files(folder: Path) -> tuple[Path, ...]:
    """The image files in a folder, by name, hidden ones left out; none if there is no folder.

    Raises:
        UserError: the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise UserError(
            f"cannot read the folder: {error.strerror}", where=str(folder), fix="check its rights"
        ) from error
    return tuple(
        path
        for path in entries
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
