"""Tables and contact sheets of the seam detector's verdicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from customstudio.files import write_bytes
from customstudio.metrics.backbones.seams import Seam
from customstudio.metrics.seam_study.data import Sample
from customstudio.metrics.spec import Array

SHEET_COLUMNS, SHEET_ROWS, THUMBNAIL = 6, 6, 240


@dataclass(frozen=True)
class Verdict:
    """What the detector said of a sample."""

    sample: Sample
    seam: Seam | None

    @property
    def called(self) -> bool:
        """Whether it was called stitched."""
        return self.seam is not None

    @property
    def right(self) -> bool:
        """Whether that is true."""
        return self.called == self.sample.stitched


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson, 1927).

    >>> [round(x, 3) for x in wilson(95, 100)]
    [0.888, 0.978]
    """
    if not total:
        return 0.0, 1.0
    share, spread = hits / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = (share * (1 - share) * spread + spread * spread / 4) ** 0.5 / (1 + spread)
    return centre - half, centre + half


def precision(recall: float, false_positives: float) -> float:
    """Precision at equal numbers of stitched and other frames.

    >>> precision(0.9, 0.1)
    0.9
    """
    return recall / (recall + false_positives) if recall else 0.0


def rates(verdicts: Sequence[Verdict]) -> str:
    """Cells of a table: frames, called stitched, share, 95% interval."""
    called = sum(verdict.called for verdict in verdicts)
    low, high = wilson(called, len(verdicts))
    share = called / len(verdicts)
    return f"{len(verdicts)} | {called} | {share:.3f} | {low:.3f}-{high:.3f}"


def table(title: str, verdicts: Sequence[Verdict], key: Callable[[Sample], str]) -> str:
    """A Markdown table of the share called stitched, a row a value of `key`."""
    lines = [f"\n| {title} | frames | called stitched | share | 95% |", "|---|---|---|---|---|"]
    for value in sorted({key(verdict.sample) for verdict in verdicts}):
        chosen = [verdict for verdict in verdicts if key(verdict.sample) == value]
        lines.append(f"| {value} | {rates(chosen)} |")
    return "\n".join(lines)


def summary(title: str, verdicts: Sequence[Verdict]) -> str:
    """Recall, false positive rate and precision at equal numbers."""
    yes = [verdict for verdict in verdicts if verdict.sample.stitched]
    no = [verdict for verdict in verdicts if not verdict.sample.stitched]
    lines = [f"\n## {title}", "", "| | frames | called stitched | share | 95% |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| stitched (share = recall) | {rates(yes)} |"] if yes else []
    lines += [f"| not stitched (share = false positives) | {rates(no)} |"] if no else []
    if yes and no:
        recall, false = (sum(v.called for v in part) / len(part) for part in (yes, no))
        worst = precision(wilson(round(recall * len(yes)), len(yes))[0], _high(no))
        lines.append(
            f"\nPrecision at equal numbers {precision(recall, false):.3f} "
            f"(at least {worst:.3f} with both intervals at their worse end), recall {recall:.3f}."
        )
    return "\n".join(lines)


def _high(verdicts: Sequence[Verdict]) -> float:
    return wilson(sum(verdict.called for verdict in verdicts), len(verdicts))[1]


def save_failures(folder: Path, name: str, verdicts: Sequence[Verdict]) -> list[Path]:
    """Contact sheets of wrong verdicts; the line found is marked at the frame's borders."""
    wrong = [verdict for verdict in verdicts if not verdict.right]
    size, paths = SHEET_COLUMNS * SHEET_ROWS, []
    for start in range(0, len(wrong), size):
        sheet = np.full((SHEET_ROWS * (THUMBNAIL + 20), SHEET_COLUMNS * (THUMBNAIL + 6), 3), 255)
        for i, verdict in enumerate(wrong[start : start + size]):
            top, left = i // SHEET_COLUMNS * (THUMBNAIL + 20), i % SHEET_COLUMNS * (THUMBNAIL + 6)
            cell = _cell(verdict)
            sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
        path = folder / f"{name}-{start // size:02d}.png"
        write_bytes(path, cv2.imencode(".png", sheet[..., ::-1].astype(np.uint8))[1].tobytes())
        paths.append(path)
    return paths


def _cell(verdict: Verdict) -> Array:
    frame, seam = verdict.sample.frame, verdict.seam
    scale = THUMBNAIL / max(frame.shape[:2])
    width, height = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    if seam is not None:
        vertical = seam.axis == "vertical"
        at = round(seam.position * (width if vertical else height))
        for a, b in ((0, 12), (-12, None)):
            view = small[a:b, max(0, at - 1) : at + 1] if vertical else small[at - 1 : at + 1, a:b]
            view[...] = (255, 0, 0)
    label = np.full((20, THUMBNAIL, 3), 255, np.uint8)
    text = f"{verdict.sample.kind[-20:]} {verdict.sample.treatment}"
    cv2.putText(label, text, (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    cell = np.full((THUMBNAIL + 20, THUMBNAIL, 3), 255, np.uint8)
    cell[:20], cell[20 : 20 + height, :width] = label, small
    return cell
