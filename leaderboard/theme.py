"""One look for all charts: colours that the colour-blind tell apart, and shapes beside them."""

from typing import Any, Literal

import altair as alt

Mode = Literal["light", "dark"]
COLOURS: dict[Mode, tuple[str, ...]] = {
    "light": ("#0067a5", "#b5520a", "#0b7a5b", "#8a4a9e", "#6b6400"),
    "dark": ("#5db3ee", "#f0a060", "#6fd3ad", "#cf9be0", "#d8cf5a"),
}
"""One a method, at most five; lightness differs between neighbours, not hue alone."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (4, 4))
_INK: dict[Mode, tuple[str, str, str]] = {
    "light": ("#1b1e23", "#5a626d", "#e2e4e8"),
    "dark": ("#e7e9ec", "#a0a9b4", "#303640"),
}
DIVERGING: dict[Mode, tuple[str, str, str]] = {
    "light": ("#e8b27a", "#ffffff", "#8cbfe0"),
    "dark": ("#7a4a1c", "#1b1f25", "#1f5f8a"),
}
"""Worse, the same, better: orange to blue, with the number written in every cell."""


def themed(chart: Any, mode: Mode) -> Any:
    """A chart in the colours of the light or the dark theme, without a background of its own."""
    ink, soft, line = _INK[mode]
    font = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif'
    return (
        chart.configure(background="transparent", font=font)
        .configure_axis(
            labelColor=soft, titleColor=soft, gridColor=line, domainColor=line, tickColor=line,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelLimit=230,
        )
        .configure_legend(
            labelColor=ink, titleColor=soft, labelFontSize=13, orient="top", labelLimit=280,
            symbolSize=90, columns=1,
        )
        .configure_title(color=ink, fontSize=14, anchor="start", fontWeight="normal")
        .configure_header(labelColor=ink, titleColor=soft, labelFontSize=13)
        .configure_view(stroke=None)
        .configure_text(color=ink)
    )  # fmt: skip


def colour_scale(names: list[str], mode: Mode) -> alt.Scale:
    """Method -> its colour: the same in every chart of a page."""
    return alt.Scale(domain=names, range=list(COLOURS[mode][: len(names)]))


def shape_scale(names: list[str]) -> alt.Scale:
    """Method -> its shape, so that no colour is needed."""
    return alt.Scale(domain=names, range=list(SHAPES[: len(names)]))


def dash_scale(names: list[str]) -> alt.Scale:
    """Method -> its kind of line."""
    return alt.Scale(domain=names, range=[list(dash) for dash in DASHES[: len(names)]])


def ink(mode: Mode) -> str:
    """The colour of text in charts."""
    return _INK[mode][0]


def line(mode: Mode) -> str:
    """The colour of grids."""
    return _INK[mode][2]
