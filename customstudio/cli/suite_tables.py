"""What the suite commands print; the label (`reconstruction r1`) is in every heading."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from customstudio.cli.console import console, plain_table
from customstudio.suites.check import counts
from customstudio.suites.declaration import Declaration
from customstudio.suites.schema import Job, Reference, Suite


def heading(suite: Suite) -> Text:
    """One line that says which suite this is, under which label, with which digest."""
    return Text.assemble(
        (f"{suite.name} {suite.version}", "bold"),
        f" ({suite.label}), prompt set {suite.prompt_set}, ",
        f"{len(suite.jobs):,} jobs, digest {suite.digest[:16]}",
    )


def overview(suites: Sequence[Suite]) -> Table:
    """A row a suite."""
    rows = []
    for suite in suites:
        number = counts(suite)
        cells = [f"{number[name]:,}" for name in ("subjects", "pairs", "prompts", "jobs")]
        rows.append([suite.name, suite.version, *cells, suite.label])
    return _table(["suite", "version", "subjects", "pairs", "prompts", "jobs", "label"], rows)


def summary(suite: Suite, declaration: Declaration | None) -> Group:
    """Title, source, counts, types, and what is not published."""
    number = counts(suite)
    video = suite.video
    spec = (
        f"{video.frames} frames, {video.fps:g} fps, {video.width}x{video.height}"
        if video
        else "not stated"
    )
    lines = [
        f"{suite.title}: {suite.source}",
        ", ".join(f"{count:,} {name}" for name, count in number.items()),
        f"seeds: {', '.join(map(str, suite.seeds)) or 'unpublished'}; videos: {spec}",
        f"prompt sets: {', '.join(suite.prompt_sets)}",
    ]
    parts: list[RenderableType] = [Text("\n".join(lines))]
    if suite.pairs:
        parts.append(_types(suite))
    parts += [Text(f"unpublished: {item}", style="yellow") for item in suite.unpublished]
    parts += [Text(f"note: {item}") for item in (declaration.notes if declaration else ())]
    return Group(*parts)


def listing() -> Console:
    """Where long tables go: when piped, a row is one line, whatever its length."""
    return console if console.is_terminal else Console(width=500, highlight=False)


def subjects(suite: Suite) -> Table:
    """A row a subject, with where it comes from and why it is in the suite."""
    names = ["subject", "noun", "category", "source", "images", "evidence"]
    rows = [
        [
            subject.id,
            subject.prompt_noun,
            subject.category,
            f"{subject.source_dataset}: {subject.source_path}",
            str(subject.n_images or "unknown"),
            subject.evidence,
        ]
        for subject in suite.subjects.values()
    ]
    return _table(names, rows)


def pairs(suite: Suite) -> Table:
    """A row a pair."""
    rows = [[pair.id, pair.type, pair.template_set, pair.evidence] for pair in suite.pairs.values()]
    return _table(["pair", "type", "templates", "evidence"], rows)


def templates(suite: Suite) -> Table:
    """A row a template, with its known problems."""
    rows = [
        [prompt.id, prompt.template_set, prompt.text, "; ".join(prompt.problems), prompt.source]
        for prompt in suite.prompts.values()
    ]
    return _table(["prompt", "set", "text", "known problems", "source"], rows)


def jobs_json(suite: Suite) -> str:
    """All jobs as one JSON document, with the suite's label and digest."""
    head = {name: getattr(suite, name) for name in ("name", "version", "label", "prompt_set")}
    content = {"suite": {**head, "digest": suite.digest}, "jobs": [_row(j) for j in suite.jobs]}
    return json.dumps(content, indent=1, ensure_ascii=False)


def jobs_csv(suite: Suite) -> str:
    """All jobs as a CSV table; subjects are joined by `+`, the suite's label is a column."""
    text = io.StringIO()
    label = f"{suite.name} {suite.version} ({suite.label})"
    rows = [{**_row(job), "subjects": "+".join(job.subjects), "suite": label} for job in suite.jobs]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def checked(suite: Suite) -> Text:
    """The heading with the counts that were checked."""
    number = counts(suite)
    listed = ", ".join(f"{count:,} {name}" for name, count in number.items() if name != "jobs")
    return Text.assemble(heading(suite), f": {listed}")


def presence(suite: Suite, references: Mapping[str, Sequence[Reference]]) -> Text:
    """How many subjects have reference images on this machine."""
    there = sum(bool(images) for images in references.values())
    images = sum(len(found) for found in references.values())
    text = f"  references: {there} of {len(suite.subjects)} subjects, {images} images"
    lacking = [name for name, found in references.items() if not found]
    if lacking:
        text += f"; none of {', '.join(lacking[:3])}"
        text += f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        text += f" (customstudio data fetch {suite.name})"
    return Text(text)


def _types(suite: Suite) -> Table:
    number = Counter(pair.type for pair in suite.pairs.values())
    made = Counter(suite.pairs[job.pair].type for job in suite.jobs)
    rows = [[name, str(count), f"{made[name]:,}"] for name, count in number.items()]
    return _table(["type", "pairs", "jobs"], rows)


def _row(job: Job) -> dict[str, Any]:
    return {"id": job.id, **job.model_dump(mode="json")}


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = plain_table()
    for position, name in enumerate(names):
        table.add_column(name, no_wrap=position == 0)
    for row in rows:
        # Text: `[pet, pet]` would be taken for markup.
        table.add_row(*[Text(cell) for cell in row])
    return table
