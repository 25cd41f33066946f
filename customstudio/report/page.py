"""Everything that the templates print, worked out beforehand: templates hold no arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass

from customstudio.evaluation.records import KeyInfo
from customstudio.metrics import catalog
from customstudio.report.cards import Card, make_cards
from customstudio.report.curves import MEANS, Curve, MeanCurve, draw_mean, mean_curve
from customstudio.report.distributions import DistributionRow, draw_distribution
from customstudio.report.failures import Failures, find_failures, oddities, video_formats
from customstudio.report.groups import Breakdown, make_breakdowns
from customstudio.report.load import Bundle
from customstudio.report.panels import Panel
from customstudio.report.table import Table, make_table
from customstudio.report.text import count
from customstudio.report.whiskers import WhiskerRow, draw_whiskers

NO_ANCHORS = (
    "No anchors were scored for this suite, so nothing here says how high or low a score can be: "
    "`customstudio suites anchors` makes them."
)


@dataclass(frozen=True)
class CurveSet:
    """The mean curves of one key: a panel a method."""

    key: KeyInfo
    about: str
    panels: tuple[tuple[str, str, Curve], ...]
    """Method, number of videos in words, curve."""
    open: bool


@dataclass(frozen=True)
class Page:
    """All of a report."""

    bundle: Bundle
    title: str
    facts: tuple[str, ...]
    glance: tuple[str, ...]
    headline: Table
    variants: Table
    whiskers: tuple[Panel[WhiskerRow], ...]
    distributions: tuple[Panel[DistributionRow], ...]
    breakdowns: tuple[Breakdown, ...]
    cards: tuple[tuple[KeyInfo, tuple[Card, ...]], ...]
    curves: tuple[CurveSet, ...]
    failures: Failures
    formats: tuple[tuple[str, str, int], ...]
    notes: tuple[str, ...]
    sources: dict[str, str]
    """Metric -> where it was published, as far as this version knows it."""


def make_page(bundle: Bundle, *, pictures: bool = True) -> Page:
    """Work out a report; without `pictures` no video is opened."""
    means = {place: mean_curve(rows) for place, rows in sorted(bundle.curve_rows.items())}
    cards = make_cards(bundle, means) if pictures else ()
    shown = {card.choice.key.key: card.choice.key for card in cards}
    failures = find_failures(bundle)
    return Page(
        bundle=bundle,
        title=_title(bundle),
        facts=_facts(bundle),
        glance=_glance(bundle, failures),
        headline=make_table(bundle, bundle.headline),
        variants=make_table(bundle, bundle.variants),
        whiskers=tuple(draw_whiskers(bundle.summary, key) for key in bundle.headline),
        distributions=tuple(draw_distribution(bundle, key) for key in bundle.headline),
        breakdowns=make_breakdowns(bundle),
        cards=tuple(
            (key, tuple(card for card in cards if card.choice.key.key == name))
            for name, key in shown.items()
        ),
        curves=_curve_sets(bundle, means),
        failures=failures,
        formats=video_formats(bundle),
        notes=(*bundle.info.notes, *oddities(bundle)),
        sources={metric: catalog.spec(metric).source for metric in _known(bundle)},
    )


def _title(bundle: Bundle) -> str:
    methods = bundle.summary.methods
    return methods[0].method if len(methods) == 1 else count(len(methods), "method")


def _facts(bundle: Bundle) -> tuple[str, ...]:
    info, videos = bundle.info, bundle.videos
    suite = info.suite
    label = f" ({suite.label})" if suite.label else ""
    return (
        f"suite {suite.name} {suite.version}{label}",
        f"prompts {suite.prompt_set}",
        f"protocol {info.protocol}",
        f"{count(len(videos), 'video')} of {count(videos['pair'].nunique(), 'pair')}",
        (info.finished or info.started)[:10],
    )


def _glance(bundle: Bundle, failures: Failures) -> tuple[str, ...]:
    summary, total = bundle.summary, len(bundle.videos)
    complete = f"All {total:,}" if total > 1 else "The only"
    said = [
        f"{complete} video{'s' if total > 1 else ''} have every score that applies to them."
        if not failures.jobs
        else f"{failures.jobs:,} of {count(total, 'video')} without a headline score: "
        "see coverage and failures.",
        "Scores are means over pairs; the 95% intervals resample pairs, not videos "
        f"({summary.bootstrap_resamples:,} bootstrap resamples), since videos of one pair share "
        "subjects.",
    ]
    if not summary.anchors:
        said.append(NO_ANCHORS)
    if len(summary.methods) > 1:
        said.append(
            "Bold: full coverage, and an interval clear of all other methods'. Where intervals "
            "overlap nobody is bold; `customstudio compare` tests paired differences."
        )
    return tuple(said)


def _curve_sets(
    bundle: Bundle, means: Mapping[tuple[str, str], MeanCurve | None]
) -> tuple[CurveSet, ...]:
    sets: list[CurveSet] = []
    names = [method.method for method in bundle.summary.methods]
    for key in bundle.headline:
        found = {m: c for m in names if (c := means.get((m, key.key))) and len(c.mean) > 1}
        panels = tuple(
            (
                name,
                count(curve.videos, "video"),
                draw_mean(curve, [other for n, other in found.items() if n != name]),
            )
            for name, curve in found.items()
        )
        if panels:
            about = MEANS.get(key.metric, "score of each frame")
            sets.append(CurveSet(key, about, panels, open=len(sets) < (4 if len(names) < 3 else 1)))
    return tuple(sets)


def _known(bundle: Bundle) -> tuple[str, ...]:
    return tuple(
        metric
        for metric, version in bundle.info.metrics.items()
        if metric in catalog.METRICS and catalog.spec(metric).version == version
    )
