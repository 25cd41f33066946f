"""A study of the metrics as Markdown tables and as one SVG chart."""

from html import escape

from customstudio.metrics import catalog
from customstudio.metrics.validity import WORDS, Study, Validity, Verdict

SIGNS: dict[Verdict, str] = {"seen": "●", "weak": "◐", "blind": "○", "rewarded": "✗"}
COLOURS: dict[Verdict, str] = {
    "seen": "#2a7f62",
    "weak": "#a9d3bd",
    "blind": "#e8e6e0",
    "rewarded": "#c8553d",
}
CELL, LEFT, TOP = (62, 30), 230, 118


def rows_of(study: Study) -> dict[str, dict[str, Validity]]:
    """Metric key -> fault -> what the metric made of it, in the catalog's order."""
    table: dict[str, dict[str, Validity]] = {}
    for metric in catalog.METRICS:
        for key in catalog.spec(metric).keys:
            found = {row.fault: row for row in study.rows if row.metric == key}
            if found:
                table[key] = found
    return table


def markdown(study: Study) -> str:
    """The AUC table, the effects, the blind spots of each metric, and what it was made from."""
    table = rows_of(study)
    faults = list(study.faults)
    head = f"| metric | {' | '.join(faults)} |\n|---|{'---|' * len(faults)}\n"
    signs = "; ".join(f"{SIGNS[v]} {v}: {words}" for v, words in WORDS.items())
    lines = [
        f"{study.videos:,} videos of {study.suite}, {study.jobs} jobs, protocol {study.protocol}, "
        f"severities {', '.join(f'{s:g}' for s in (0.0, *study.severities))}.",
        "",
        "**AUC**: how often the true video scores better than the one with the whole fault.",
        f"{signs}.",
        "",
        head + "\n".join(_line(k, [_auc(r.get(f)) for f in faults]) for k, r in table.items()),
        "",
        "**Effect** (change from the true video to the whole fault, in standard deviations between "
        "seeds) and, in brackets, Spearman's correlation of score and severity, mean over jobs.",
        "",
        head + "\n".join(_line(k, [_effect(r.get(f)) for f in faults]) for k, r in table.items()),
        "",
        "**Blind spots**, by metric:",
        "",
        *(_blind(key, rows) for key, rows in table.items() if "." not in key),
        "",
        "**Faults**:",
        "",
        *(f"- `{name}`: {about}" for name, about in study.faults.items()),
    ]
    return "\n".join(lines) + "\n"


def svg(study: Study) -> str:
    """Metrics down, faults across; colour and sign say the verdict, the number is the AUC."""
    table = rows_of(study)
    width = LEFT + CELL[0] * len(study.faults) + 10
    height = TOP + CELL[1] * len(table) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>What each metric sees ({escape(study.protocol)})</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for column, fault in enumerate(study.faults):
        x = LEFT + CELL[0] * (column + 0.5)
        parts.append(
            f'<text x="{x}" y="{TOP - 10}" transform="rotate(-45 {x} {TOP - 10})" '
            f'fill="#222222">{escape(fault.replace("_", " "))}</text>'
        )
    for line, (key, rows) in enumerate(table.items()):
        y = TOP + CELL[1] * line
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 20}" text-anchor="end" fill="#222222">'
            f"{escape(key)}</text>"
        )
        for column, fault in enumerate(study.faults):
            parts += _cell(rows.get(fault), LEFT + CELL[0] * column, y)
    legend = "   ".join(f"{SIGNS[v]} {v}" for v in WORDS)
    parts.append(f'<text x="{LEFT}" y="{height - 14}" fill="#222222">{legend}</text></svg>')
    return "\n".join(parts) + "\n"


def _cell(row: Validity | None, x: float, y: float) -> list[str]:
    if row is None:
        return []
    ink = "#ffffff" if row.verdict in ("seen", "rewarded") else "#222222"
    return [
        f'<rect x="{x + 1}" y="{y + 1}" width="{CELL[0] - 2}" height="{CELL[1] - 2}" rx="3" '
        f'fill="{COLOURS[row.verdict]}"/>',
        f'<text x="{x + CELL[0] / 2}" y="{y + 20}" text-anchor="middle" fill="{ink}">'
        f"{SIGNS[row.verdict]} {row.auc:.2f}</text>",
    ]


def _line(key: str, cells: list[str]) -> str:
    return f"| `{key}` | {' | '.join(cells)} |"


def _auc(row: Validity | None) -> str:
    return "" if row is None else f"{SIGNS[row.verdict]} {row.auc:.2f}"


def _effect(row: Validity | None) -> str:
    if row is None:
        return ""
    effect = "no spread" if row.effect is None else f"{row.effect:+.1f}"
    return f"{effect} ({row.spearman:+.2f})"


def _blind(key: str, rows: dict[str, Validity]) -> str:
    blind = [name for name, row in rows.items() if row.verdict == "blind"]
    wrong = [name for name, row in rows.items() if row.verdict == "rewarded"]
    words = [f"is blind to {', '.join(blind)}"] if blind else []
    words += [f"rewards {', '.join(wrong)}"] if wrong else []
    return f"- `{key}` {'; '.join(words) or 'sees something of every fault'}"
