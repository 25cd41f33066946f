"""What the data commands print: sources and licences before, states after."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from customstudio.cli.console import err, plain_table
from customstudio.cli.suite_tables import heading
from customstudio.suites.declaration import Declaration, Source
from customstudio.suites.download import Advance
from customstudio.suites.fetch import Progress
from customstudio.suites.inventory import Inventory, State
from customstudio.suites.schema import Subject, Suite

MARKS = {"ok": "green", "changed": "red", "missing": "red", "unrecorded": "yellow"}


def offer(suite: Suite, declaration: Declaration, folder: Path, local: Path | None) -> Group:
    """The sources with licences and sizes, and where the images will be."""
    parts = [heading(suite)]
    for source in declaration.sources:
        parts.append(_source(source, _of(suite, source)))
    origin = f"from the folder {local}" if local else "from the sources above"
    parts.append(Text(f"fetched {origin} into {folder}"))
    return Group(*parts)


def summary(suite: Suite, declaration: Declaration, folder: Path, inventory: Inventory) -> Group:
    """How many subjects have images, and exactly what a person still has to do by hand."""
    have = [name for name in suite.subjects if inventory.of_subject(name)]
    images = sum(path.startswith("refs/") for path in inventory.files)
    masks = len(inventory.files) - images
    parts = [
        heading(suite),
        Text(f"{len(have)} of {len(suite.subjects)} subjects: {images} images, {masks} masks"),
        Text(f"in {folder}, recorded in record.json"),
    ]
    for source in declaration.sources:
        lacking = [s for s in _of(suite, source) if s.id not in have]
        if lacking and source.kind == "manual":
            parts.append(_by_hand(source, lacking, suite, folder))
        elif lacking:
            parts.append(Text(f"{len(lacking)} subjects of {source.dataset} have no images yet"))
    return Group(*parts)


def by_subject(suite: Suite, inventory: Inventory, found: Mapping[str, State]) -> Table:
    """A row a subject: images by state, how many its source has, and where they came from."""
    names = ("subject", "ok", "changed", "missing", "unrecorded", "masks", "in source", "from")
    table = plain_table(*names)
    table.columns[0].no_wrap = True
    for subject in suite.subjects.values():
        images = [state for path, state in found.items() if _is(path, "refs", subject)]
        masks = [state for path, state in found.items() if _is(path, "masks", subject)]
        number: Counter[str] = Counter(images + [state for state in masks if state != "ok"])
        cells = [Text(str(number[state]), style=MARKS[state] if number[state] else "dim")
                 for state in MARKS]  # fmt: skip
        origins = sorted({entry.source for entry in inventory.of_subject(subject.id).values()})
        known = str(subject.n_images) if subject.n_images else "unknown"
        exact = "" if subject.n_images_status == "exact" or known == "unknown" else "+"
        table.add_row(
            subject.id, *cells, str(masks.count("ok")), known + exact, Text(", ".join(origins))
        )
    return table


def status_json(suite: Suite, folder: Path, found: Mapping[str, State]) -> str:
    """Every file with its state, and the suite's label."""
    head = {"name": suite.name, "version": suite.version, "label": suite.label}
    return json.dumps({"suite": head, "folder": str(folder), "files": dict(found)}, indent=1)


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress on stderr; quiet where that is not a terminal."""
    from rich.progress import DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=err, disable=not err.is_terminal, transient=True) as shown:

        def start(label: str) -> Advance:
            task = shown.add_task(label, total=None)
            return lambda count: shown.update(task, completed=count)

        yield start


def _source(source: Source, subjects: list[Subject]) -> Text:
    revision = f"revision {source.revision}" if source.revision else "no revision to pin"
    how = "fetched by you: see below" if source.kind == "manual" else revision
    known = sum(subject.n_images or 0 for subject in subjects)
    exact = all(subject.n_images_status == "exact" for subject in subjects)
    images = f"{known} images" if exact else f"at least {known} images"
    lines = [
        f"{source.dataset}: {len(subjects)} subjects, {images if known else 'images'} ({how})",
        f"  from           {source.home}",
        f"  size           {source.size}",
        f"  licence        {source.licence}",
        f"  redistribution {source.redistribution}",
    ]
    return Text("\n".join(lines))


def _by_hand(source: Source, lacking: list[Subject], suite: Suite, folder: Path) -> Text:
    lines = [f"{source.dataset} is not fetched for you ({source.licence}). By hand:"]
    lines.append(f"  1. open {source.home}")
    lines.append("  2. download these folders and put their images where the arrow says:")
    lines += [f"     {s.source_path} -> {folder / 'refs' / s.id}" for s in lacking]
    lines.append(f"  3. run `customstudio data fetch {suite.name}` again: it records them")
    return Text("\n".join(lines))


def _of(suite: Suite, source: Source) -> list[Subject]:
    return [s for s in suite.subjects.values() if s.source_dataset == source.dataset]


def _is(path: str, kind: str, subject: Subject) -> bool:
    return path.startswith(f"{kind}/{subject.id}/")
