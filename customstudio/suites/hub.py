"""A suite as a Hugging Face dataset: Parquet tables with Image features, and back again.

`datasets.load_dataset(folder, "references")` reads what `export` writes, offline; so does
`load_exported`, which needs no `datasets`, checks the digest and gives references as files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from customstudio.errors import UserError, raise_all
from customstudio.files import replacing, write_bytes, write_text
from customstudio.suites.card import card
from customstudio.suites.images import image_files
from customstudio.suites.references import find_references, unreadable
from customstudio.suites.schema import Reference, Suite
from customstudio.suites.tables import check_id

TABLES = ("subjects", "pairs", "prompts")


class Exported(NamedTuple):
    """A suite and its reference images, as `load_exported` gives them back."""

    suite: Suite
    references: dict[str, tuple[Reference, ...]]


def export(suite: Suite, to: Path, references_root: Path | None) -> None:
    """Write a suite with its reference images and masks into the empty folder `to`.

    Image files are stored byte for byte. Without a root, the images that `data fetch` fetched.

    Raises:
        UserError: the folder is not empty, or an image cannot be read.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError("not an empty folder", where=str(to), fix="give a new one with --to")
    references = find_references(suite, references_root)
    raise_all(unreadable(references))
    for name in TABLES:
        records = getattr(suite, name).values()
        rows = [record.model_dump(mode="json") for record in records]
        _write(to / f"{name}.parquet", name, [rows])
    jobs = [{"id": job.id} | job.model_dump(mode="json") for job in suite.jobs]
    _write(to / "jobs.parquet", "jobs", [jobs])
    groups = (_reference_rows(suite, *found) for found in references.items())
    _write(to / "references.parquet", "references", groups)
    write_text(to / "README.md", card(suite, references))
    # Last: a folder without it is a broken export.
    row = suite.model_dump(mode="json", exclude=set(TABLES)) | {"digest": suite.digest}
    _write(to / "suite.parquet", "suite", [[row]])


def read_suite(folder: Path, *, prompt_set: str | None = None) -> Suite:
    """The suite that was exported into a folder, without its images.

    Raises:
        UserError: no export there, another prompt set, or tables that do not fit their digest.
    """
    rows = _read(folder, "suite")
    content = {name: {row["id"]: row for row in _read(folder, name)} for name in TABLES}
    expected = rows[0].pop("digest", None) if rows else None
    try:
        suite = Suite.model_validate(content | rows[0] if rows else content)
    except ValidationError as error:
        raise _damaged(folder, f"not a suite: {error}") from error
    if suite.digest != expected:
        raise _damaged(folder, "the tables do not fit the digest they were exported with")
    if prompt_set not in (None, suite.prompt_set):
        raise UserError(
            f"this export holds the prompt set {suite.prompt_set!r} only",
            where=str(folder),
            fix=f"export the suite with --prompt-set {prompt_set}",
        )
    return suite


def load_exported(folder: Path, *, unpack: Path | None = None) -> Exported:
    """The suite that was exported into a folder, and its images as files.

    Args:
        unpack: where the images are written, in `refs` and `masks`; the folder itself by default.

    Raises:
        UserError: no export there, or tables that do not fit their digest.
    """
    suite, root = read_suite(folder), unpack or folder
    for row in _read(folder, "references"):
        subject, name = row["subject"], check_id(row["name"], where=str(folder))
        if subject not in suite.subjects:
            raise _damaged(folder, f"an image of {subject!r}, which the suite does not have")
        _unpack(root / "refs" / subject / name, row["image"])
        _unpack(root / "masks" / subject / f"{Path(name).stem}.png", row["mask"])
    if not any(image_files(root / "refs" / subject) for subject in suite.subjects):
        return Exported(suite, {subject: () for subject in suite.subjects})
    return Exported(suite, find_references(suite, root / "refs"))


def _write(path: Path, name: str, groups: Iterable[list[dict[str, Any]]]) -> None:
    """Write a table group by group, so that memory holds one group's images at a time."""
    import pyarrow.parquet as parquet
    from datasets import Dataset

    from customstudio.suites.features import features

    columns = features(name)
    schema = columns.arrow_schema
    with replacing(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for rows in groups:
            content = {column: [row[column] for row in rows] for column in columns}
            table = Dataset.from_dict(content, features=columns).data.table
            writer.write_table(table.cast(schema))


def _reference_rows(
    suite: Suite, subject: str, images: tuple[Reference, ...]
) -> list[dict[str, Any]]:
    row = suite.subjects[subject]
    return [
        {
            "subject": subject,
            "name": reference.path.name,
            "image": _content(reference.path),
            "mask": _content(reference.mask) if reference.mask else None,
            "licence": row.licence,
            "source": row.source_dataset,
        }
        for reference in images
    ]


def _content(path: Path) -> dict[str, Any]:
    return {"bytes": path.read_bytes(), "path": path.name}


def _read(folder: Path, name: str) -> list[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet as parquet

    path = folder / f"{name}.parquet"
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except FileNotFoundError as error:
        raise UserError(
            "no exported suite here",
            where=str(path),
            fix="write one with `customstudio suites export SUITE --to DIR`",
        ) from error
    except (OSError, pyarrow.ArrowException) as error:
        raise _damaged(folder, f"{path.name} cannot be read: {error}") from error
    return rows


def _unpack(path: Path, image: dict[str, Any] | None) -> None:
    if image is None or (path.is_file() and path.read_bytes() == image["bytes"]):
        return
    write_bytes(path, image["bytes"])


def _damaged(folder: Path, what: str) -> UserError:
    return UserError(what, where=str(folder), fix="export the suite again into a new folder")
