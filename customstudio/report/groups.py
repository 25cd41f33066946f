"""Scores by category, type, pair size and prompt, as small tables with a dot and an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from customstudio.evaluation.records import Estimate, Group, KeyInfo, MethodSummary
from customstudio.evaluation.reduce import By
from customstudio.report.cells import Cell, make_cell
from customstudio.report.load import Bundle
from customstudio.report.scale import Scale
from customstudio.report.text import ARROWS
from customstudio.report.whiskers import Mini, draw_mini, mini_scale

MANY = 12
"""Longer tables start collapsed."""
_MISSING = Estimate(mean=None, pairs=0, videos=0, reason="no videos in this group")


@dataclass(frozen=True)
class GroupRow:
    """One category, type, pair size or prompt."""

    name: str
    about: str
    """A prompt's text; empty for the others."""
    cells: tuple[tuple[Cell, Mini | None], ...]


@dataclass(frozen=True)
class GroupTable:
    """One table: groups by keys for a single method, groups by methods for several."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    open: bool


@dataclass(frozen=True)
class Breakdown:
    """All tables of one kind of group."""

    by: By
    tables: tuple[GroupTable, ...]
    sentence: str
    """Where there is nothing to break down."""


def make_breakdowns(bundle: Bundle) -> tuple[Breakdown, ...]:
    """The breakdowns in the order of the records."""
    prompts = _prompt_texts(bundle)
    kinds: tuple[By, ...] = get_args(By)
    return tuple(_breakdown(bundle, by, prompts if by == "prompt" else {}) for by in kinds)


def _breakdown(bundle: Bundle, by: By, abouts: dict[str, str]) -> Breakdown:
    methods, keys = bundle.summary.methods, bundle.headline
    names = sorted({g.name for m in methods for g in m.groups if g.by == by})
    if len(names) < 2:
        return Breakdown(by, (), _nothing(by, names))
    found = {(m.method, g.name): g for m in methods for g in m.groups if g.by == by}
    if len(methods) == 1:
        columns = [_estimates(found, methods[0], names, key) for key in keys]
        scales = [mini_scale(column) for column in columns]
        heads = tuple(f"{key.title} {ARROWS[key.better]}".strip() for key in keys)
        rows = _rows(names, abouts, columns, scales)
        return Breakdown(by, (GroupTable("", heads, rows, len(rows) <= MANY),), "")
    tables: list[GroupTable] = []
    for key in keys:
        columns = [_estimates(found, method, names, key) for method in methods]
        shared = mini_scale([estimate for column in columns for estimate in column])
        rows = _rows(names, abouts, columns, [shared] * len(columns))
        title = f"{key.title} {ARROWS[key.better]}".strip()
        starts_open = not tables and len(rows) <= MANY and by != "prompt"
        tables.append(GroupTable(title, tuple(m.method for m in methods), rows, starts_open))
    return Breakdown(by, tuple(tables), "")


def _nothing(by: By, names: Sequence[str]) -> str:
    if not names:
        return f"The input does not say any {by}."
    return f"All videos are of one {by}: {names[0]}."


def _estimates(
    found: dict[tuple[str, str], Group], method: MethodSummary, names: Sequence[str], key: KeyInfo
) -> list[Estimate]:
    groups = [found.get((method.method, name)) for name in names]
    return [group.estimates[key.key] if group else _MISSING for group in groups]


def _rows(
    names: Sequence[str],
    abouts: dict[str, str],
    columns: Sequence[Sequence[Estimate]],
    scales: Sequence[Scale],
) -> tuple[GroupRow, ...]:
    return tuple(
        GroupRow(
            name,
            abouts.get(name, ""),
            tuple(
                (make_cell(column[i]), draw_mini(column[i], scale))
                for column, scale in zip(columns, scales, strict=True)
            ),
        )
        for i, name in enumerate(names)
    )


def _prompt_texts(bundle: Bundle) -> dict[str, str]:
    firsts = bundle.videos.sort_values(["prompt_id", "prompt"]).groupby("prompt_id")["prompt"]
    return {
        str(name): str(prompts.iloc[0]) if prompts.nunique() == 1 else f"such as: {prompts.iloc[0]}"
        for name, prompts in firsts
    }
