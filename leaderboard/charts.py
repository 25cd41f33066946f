"""Charts as Altair makes them: intervals, groups, differences, parallel coordinates, radar."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from customstudio.evaluation.records import Estimate, KeyInfo, MethodSummary
from customstudio.leaderboard.comparing import Compared
from customstudio.leaderboard.theme import (
    DIVERGING,
    Mode,
    colour_scale,
    dash_scale,
    ink,
    line,
    shape_scale,
    themed,
)
from customstudio.report.text import ARROWS, number

FIXED = {"cosine": (0.0, 1.0), "share": (0.0, 1.0), "fraction": (0.0, 1.0)}


def bounds(key: KeyInfo) -> tuple[float, float] | None:
    """The fixed axis of a key: its metric's own range, cosines from 0 on; None without a range."""
    from customstudio.metrics import catalog

    spec = catalog.spec(key.metric)
    variant = next((v for v in spec.variants if key.key == f"{spec.id}.{v.name}"), None)
    low, high = (variant.bounds if variant and variant.bounds else None) or spec.bounds
    if low is None or high is None:
        return None
    return (0.0 if low == -1.0 else low), high


def position(key: KeyInfo, value: float) -> float:
    """A value on its fixed axis, 0 the worse and 1 the better end; outside ones sit at the ends."""
    low, high = bounds(key) or (0.0, 1.0)
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return 1.0 - share if key.better == "lower" else share


def group_chart(summary: MethodSummary, by: str, key: KeyInfo, mode: Mode) -> Any:
    """A dot and a line for each group, the mean over the whole suite as a rule."""
    rows = [
        {"group": g.name, "mean": e.mean, "low": e.low, "high": e.high, "pairs": e.pairs}
        for g in summary.groups
        if g.by == by and (e := g.estimates[key.key]).mean is not None
    ]
    data = pd.DataFrame(rows, columns=["group", "mean", "low", "high", "pairs"])
    colour = colour_scale(["it"], mode).range[0]
    y = alt.Y("group:N", title=None, sort=None)
    base = alt.Chart(data)
    x = alt.X(
        "mean:Q", title=f"{key.title} {ARROWS[key.better]}".strip(), scale=alt.Scale(zero=False)
    )
    tips = [alt.Tooltip(c, format=".4f") for c in ("mean", "low", "high")] + ["pairs"]
    layers = [
        base.mark_rule(strokeWidth=2, color=colour).encode(x="low:Q", x2="high:Q", y=y),
        base.mark_point(size=60, filled=True, color=colour).encode(
            x=x, y=y, tooltip=["group", *tips]
        ),
    ]
    whole = summary.overall[key.key].mean
    if whole is not None:
        rule = alt.Chart(pd.DataFrame({"mean": [whole]}))
        layers.insert(0, rule.mark_rule(strokeDash=[4, 4], color=ink(mode)).encode(x="mean:Q"))
    return themed(alt.layer(*layers).properties(height=alt.Step(24)), mode)


def parallel(
    names: Mapping[str, str], values: Mapping[str, Mapping[str, Estimate]],
    keys: Sequence[KeyInfo], mode: Mode,
) -> Any:  # fmt: skip
    """Parallel coordinates on fixed axes: each key's whole range, better end up."""
    data = _positions(names, values, keys)
    order = list(names.values())
    label = [f"{key.title} {ARROWS[key.better]}".strip() for key in keys]
    x = alt.X("key:N", sort=label, title=None,
              axis=alt.Axis(labelAngle=-30, grid=True, domain=False))  # fmt: skip
    y = alt.Y("at:Q", title="share of the metric's range, better is up",
              scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))  # fmt: skip
    colour = alt.Color("method:N", scale=colour_scale(order, mode), title=None)
    tips = ["method", "key", alt.Tooltip("value:N", title="score")]
    base = alt.Chart(data)
    lines = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colour,
        strokeDash=alt.StrokeDash("method:N", scale=dash_scale(order), title=None),
    )  # fmt: skip
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=tips,
        shape=alt.Shape("method:N", scale=shape_scale(order), title=None),
    )  # fmt: skip
    return themed(alt.layer(lines, dots).properties(height=400), mode)


def radar(
    names: Mapping[str, str], values: Mapping[str, Mapping[str, Estimate]],
    keys: Sequence[KeyInfo], mode: Mode,
) -> Any:  # fmt: skip
    """The same on spokes of fixed length; read areas with care: they depend on the order."""
    data = _positions(names, values, keys)
    order = list(names.values())
    turn = {key: 2 * math.pi * i / len(keys) for i, key in enumerate(data["key"].unique())}
    angle = data["key"].map(turn)
    data = data.assign(x=angle.map(math.sin) * data["at"], y=angle.map(math.cos) * data["at"])
    closed = pd.concat([data, data.groupby("method", sort=False).head(1)])
    closed["order"] = closed.groupby("method").cumcount()
    room = alt.Scale(domain=[-1.45, 1.45])
    x, y = alt.X("x:Q", axis=None, scale=room), alt.Y("y:Q", axis=None, scale=room)
    colour = alt.Color("method:N", scale=colour_scale(order, mode), title=None)
    lines = alt.Chart(closed).mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colour, order="order:Q",
        strokeDash=alt.StrokeDash("method:N", scale=dash_scale(order), title=None),
    )  # fmt: skip
    dots = alt.Chart(data).mark_point(size=55, filled=True, opacity=1).encode(
        x=x, y=y, color=colour, tooltip=["method", "key", alt.Tooltip("value:N", title="score")],
        shape=alt.Shape("method:N", scale=shape_scale(order), title=None),
    )  # fmt: skip
    layers = [*_web(turn, x, y, mode), lines, dots]
    return themed(alt.layer(*layers).properties(width=360, height=360), mode)


def _web(turn: Mapping[str, float], x: alt.X, y: alt.Y, mode: Mode) -> list[Any]:
    spots = [
        {"ring": ring, "order": i, "x": ring * math.sin(a), "y": ring * math.cos(a)}
        for ring in (0.25, 0.5, 0.75, 1.0)
        for i, a in enumerate([*turn.values(), 0.0])
    ]
    words = [
        {"key": key, "x": 1.18 * math.sin(a), "y": 1.14 * math.cos(a)} for key, a in turn.items()
    ]
    rings = alt.Chart(pd.DataFrame(spots)).mark_line(color=line(mode), strokeWidth=1)
    texts = alt.Chart(pd.DataFrame(words)).mark_text(color=ink(mode), fontSize=11)
    return [
        rings.encode(x=x, y=y, order="order:Q", detail="ring:N"),
        texts.encode(x=x, y=y, text="key:N"),
    ]


def _positions(
    names: Mapping[str, str], values: Mapping[str, Mapping[str, Estimate]], keys: Sequence[KeyInfo]
) -> pd.DataFrame:
    rows = [
        {
            "method": name,
            "key": f"{key.title} {ARROWS[key.better]}".strip(),
            "at": position(key, mean),
            "value": number(mean),
        }
        for submission, name in names.items()
        for key in keys
        if (mean := values[submission][key.key].mean) is not None
    ]
    return pd.DataFrame(rows, columns=["method", "key", "at", "value"])


def heat_map(compared: Compared, names: Mapping[str, str], key: KeyInfo, mode: Mode) -> Any:
    """Row minus column under one key, the difference and its corrected p written in each cell."""
    rows = []
    for first in compared.ids:
        for second in compared.ids:
            if first != second:
                found = compared.of(second, first, key.key)
                rows.append(_heat(names[first], names[second], found.difference, found.p_corrected))
    data = pd.DataFrame(rows, columns=["row", "column", "difference", "text"])
    order = [names[one] for one in compared.ids]
    most = max(data["difference"].abs().max(), 1e-9)
    worse, same, better = DIVERGING[mode]
    ends = [better, same, worse] if key.better == "lower" else [worse, same, better]
    scale = alt.Scale(domain=[-most, 0, most], range=ends, interpolate="rgb")
    colour = alt.Color("difference:Q", legend=None, scale=scale)
    axis = alt.Axis(labelAngle=0, labelLimit=110)
    base = alt.Chart(data).encode(
        x=alt.X("column:N", sort=order, title="minus", axis=axis),
        y=alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=130)),
    )
    words = base.mark_text(color=ink(mode), fontSize=12, lineBreak="\n").encode(text="text:N")
    return themed(
        (base.mark_rect().encode(color=colour) + words).properties(height=alt.Step(58)), mode
    )


def _heat(row: str, column: str, difference: float | None, p: float | None) -> dict[str, Any]:
    if difference is None:
        return {"row": row, "column": column, "difference": 0.0, "text": "no value"}
    chance = "no p" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    sign = "+" if difference > 0 else ""
    text = f"{sign}{number(difference)}\n{chance}"
    return {"row": row, "column": column, "difference": difference, "text": text}
