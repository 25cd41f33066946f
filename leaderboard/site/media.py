"""Videos and reference images of static pages: copies by SHA-256, within a bound."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from customstudio.files import replacing, sha256_file
from customstudio.leaderboard.media import References, references
from customstudio.report.text import count
from customstudio.submissions.previews import previews
from customstudio.submissions.store import Store
from customstudio.suites.schema import Suite

MOST_BYTES = 900_000_000
"""Of all videos of a site: usual hosts of static pages take one gigabyte."""
NONE = "no preview in this store"
_OURS = re.compile(r"[0-9a-f]{64}[.]mp4")
_IMAGES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Videos:
    """Which previews a site holds."""

    names: Mapping[tuple[str, str], str]
    """(Submission, job) -> file name, its SHA-256."""
    files: Mapping[str, Path]
    """File name -> where it is now."""
    left_out: frozenset[tuple[str, str]]
    """Previews beyond the bound."""
    bytes: int
    wanted: bool

    def note(self, submission: str, job: str) -> str:
        """Why a video is not shown."""
        if not self.wanted:
            return "these pages were built without videos"
        return "left out: the bound of the site" if (submission, job) in self.left_out else NONE

    @property
    def words(self) -> str:
        """How many videos there are, how large, and what was left out."""
        if not self.wanted:
            return "These pages were built without videos."
        said = f"{count(len(self.files), 'video')} in the site, {self.bytes / 1e6:,.1f} MB"
        left = f"{len(self.left_out):,} left out" if self.left_out else "none left out"
        return f"{said}; the bound is {MOST_BYTES / 1e6:,.0f} MB, {left}."


def choose_videos(
    store: Store, submissions: Sequence[str], *, wanted: bool = True, most: int = MOST_BYTES
) -> Videos:
    """The previews that a site holds: every pair's first seed before any second one."""
    found = [
        (_seed(job), job, submission, path)
        for submission in submissions
        for job, path in (previews(store, submission).items() if wanted else ())
        if path.is_file()
    ]
    names: dict[tuple[str, str], str] = {}
    files: dict[str, Path] = {}
    left: set[tuple[str, str]] = set()
    total = 0
    for _, job, submission, path in sorted(found):
        size = 0 if path.name in files else path.stat().st_size
        if total + size > most:
            left.add((submission, job))
            continue
        total += size
        files[path.name] = path
        names[submission, job] = path.name
    return Videos(names, files, frozenset(left), total, wanted)


def _seed(job: str) -> tuple[int, str]:
    seed = job.rpartition("/")[2]
    return len(seed), seed


def write_videos(videos: Videos, folder: Path) -> int:
    """Copy what is not there yet, and remove what the site no longer shows; how many there are."""
    for path in folder.glob("*.mp4"):
        if _OURS.fullmatch(path.name) and path.name not in videos.files:
            path.unlink()
    for name, path in videos.files.items():
        there = folder / name
        if not there.is_file() or there.stat().st_size != path.stat().st_size:
            with path.open("rb") as source, replacing(there) as copy:
                shutil.copyfileobj(source, copy)
    return len(videos.files)


@dataclass(frozen=True)
class Shown:
    """A subject's references, with their addresses below the site's root."""

    subject: References
    addresses: tuple[str, ...]


def shown_references(suite: Suite) -> dict[str, Shown]:
    """Subject -> its references as far as their licence lets them be shown."""
    found = {}
    for name, subject in suite.subjects.items():
        mine = references(suite, subject)
        images = tuple(path for path in mine.images if path.suffix.lower() in _IMAGES)
        addresses = tuple(f"references/{sha256_file(p)}{p.suffix.lower()}" for p in images)
        found[name] = Shown(mine.model_copy(update={"images": images}), addresses)
    return found


def reference_files(shown: Mapping[str, Shown]) -> Iterator[tuple[str, bytes]]:
    """The images, by their addresses."""
    for one in shown.values():
        for address, path in zip(one.addresses, one.subject.images, strict=True):
            yield address, path.read_bytes()
