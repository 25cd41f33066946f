"""Where the reference images of a suite are on this machine: `<root>/<subject>/<NN>.jpg`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from customstudio.errors import UserError
from customstudio.suites.declaration import DATA
from customstudio.suites.images import IMAGE_SUFFIXES, image_files, inspect
from customstudio.suites.schema import Reference, Suite


def data_dir(suite: str) -> Path:
    """The folder of a suite's data: `$CUSTOMSTUDIO_DATA`, or the user's data folder, by suite.

    Images are in its `refs`, masks in its `masks`, and what is known of them in `record.json`.
    A suite whose images come with the package (`mini`) has them beside its tables.
    """
    if is_shipped(suite):
        return DATA / suite
    chosen = os.environ.get("CUSTOMSTUDIO_DATA")
    if chosen:
        return Path(chosen).expanduser() / suite
    from platformdirs import user_data_dir

    return Path(user_data_dir("customstudio")) / suite


def is_shipped(suite: str) -> bool:
    """Whether a suite's reference images come with the package."""
    return (DATA / suite / "refs").is_dir()


def find_references(
    suite: Suite | Iterable[str], root: Path | None
) -> dict[str, tuple[Reference, ...]]:
    """The reference images of each subject, by name, with the mask of the same stem if any.

    Masks lie beside the root: `<root>/../masks/<subject>/<NN>.png`. Without a root, the folder
    that `customstudio data fetch` fills. A subject without images maps to an empty tuple.

    Args:
        suite: a suite, or the ids of subjects (without a root, of suite `customstudio`).
        root: the folder with one folder a subject.

    Raises:
        UserError: `root` is given and is not a folder.
    """
    subjects = tuple(suite.subjects) if isinstance(suite, Suite) else tuple(suite)
    if root is None:
        root = data_dir(suite.name if isinstance(suite, Suite) else "customstudio") / "refs"
    elif not root.is_dir():
        raise UserError(
            "no such folder of reference images",
            where=str(root),
            fix="give the folder that holds one folder a subject, as in refs/pet_cat/00.jpg",
        )
    return {subject: _images(root / subject) for subject in subjects}


def images_in(path: Path) -> tuple[Reference, ...]:
    """The reference images in one subject's folder, or the one image that `path` is.

    Raises:
        UserError: there is no such folder or file, or no image in it.
    """
    if path.is_file():
        return (Reference(path=path, mask=_mask(path)),)
    images = _images(path)
    if not images:
        raise UserError(
            "no reference images here",
            where=str(path),
            fix=f"put images into the folder ({', '.join(sorted(IMAGE_SUFFIXES))})",
        )
    return images


def unreadable(references: Mapping[str, Iterable[Reference]]) -> list[UserError]:
    """What is wrong with the images and masks: empty, not an image, cut off; all at once."""
    problems: list[UserError] = []
    for images in references.values():
        for reference in images:
            for path in (reference.path, reference.mask):
                if path is None:
                    continue
                try:
                    inspect(path)
                except UserError as problem:
                    problems.append(problem)
    return problems


def _images(folder: Path) -> tuple[Reference, ...]:
    return tuple(Reference(path=path, mask=_mask(path)) for path in image_files(folder))


def _mask(image: Path) -> Path | None:
    folder = image.resolve().parent
    mask = folder.parent.parent / "masks" / folder.name / f"{image.stem}.png"
    return mask if mask.is_file() else None
