"""The summary: methods and anchors by keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from customstudio.evaluation.records import Anchor, KeyInfo, MethodSummary
from customstudio.report.cells import Cell, best_method, make_cell
from customstudio.report.load import Bundle
from customstudio.report.scale import Scale, axis
from customstudio.report.text import number
from customstudio.report.whiskers import SYMBOLS, Mini, draw_mini


@dataclass(frozen=True)
class Row:
    """A method or an anchor in a table of keys."""

    name: str
    cells: tuple[Cell, ...]
    minis: tuple[Mini | None, ...]
    anchor: bool = False
    symbol: str = ""
    about: str = ""


@dataclass(frozen=True)
class Table:
    """Methods by keys."""

    keys: tuple[KeyInfo, ...]
    rows: tuple[Row, ...]


def make_table(bundle: Bundle, keys: tuple[KeyInfo, ...]) -> Table:
    """The table of some keys: a row a method, then a row an anchor."""
    summary = bundle.summary
    best = {key.key: best_method(summary.methods, key) for key in keys}
    scales = {key.key: _scale(bundle, key) for key in keys}
    anchors = {
        key.key: [a.values[key.key] for a in summary.anchors if key.key in a.values] for key in keys
    }
    rows = [_method_row(method, keys, best, scales, anchors) for method in summary.methods]
    rows += [_anchor_row(anchor, keys) for anchor in summary.anchors]
    return Table(keys, tuple(rows))


def _scale(bundle: Bundle, key: KeyInfo) -> Scale:
    summary = bundle.summary
    estimates = [method.overall[key.key] for method in summary.methods]
    values = [v for e in estimates for v in (e.mean, e.low, e.high) if v is not None]
    values += [a.values[key.key] for a in summary.anchors if key.key in a.values]
    return axis(values, 3.0, 69.0)


def _method_row(
    method: MethodSummary,
    keys: tuple[KeyInfo, ...],
    best: Mapping[str, str | None],
    scales: Mapping[str, Scale],
    anchors: Mapping[str, Sequence[float]],
) -> Row:
    cells = tuple(
        make_cell(method.overall[key.key], method.coverage[key.key], best[key.key] == method.method)
        for key in keys
    )
    minis = tuple(
        draw_mini(method.overall[key.key], scales[key.key], anchors.get(key.key, ()))
        for key in keys
    )
    return Row(method.method, cells, minis)


def _anchor_row(anchor: Anchor, keys: tuple[KeyInfo, ...]) -> Row:
    values = [anchor.values.get(key.key) for key in keys]
    cells = tuple(
        Cell(number(v), "", "", "") if v is not None else Cell("", "", "not measured", "")
        for v in values
    )
    symbol = SYMBOLS[anchor.name]
    return Row(anchor.name, cells, (None,) * len(keys), True, symbol, anchor.about)
