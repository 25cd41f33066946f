"""What maintainers do with submitted videos: recompute, compare, sign, and keep small copies."""

import dataclasses
import hashlib
import os
from pathlib import Path

import av
import pandas as pd
import pyarrow as pa
import pytest

import customstudio
from customstudio.errors import UserError
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.submissions import previews
from customstudio.submissions.build import build
from customstudio.submissions.checks import Check, compare
from customstudio.submissions.draw import drawn_by
from customstudio.submissions.encoding import encoded
from customstudio.submissions.gate import check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store
from customstudio.submissions.taken import Taken, take
from customstudio.submissions.tolerance import DECIDED, SMOOTH
from customstudio.submissions.verify import check_maintainer, verify
from customstudio.suites.references import data_dir
from tests.submissions import factory
from tests.submissions.test_engine import part_of_mini

OWNER, MAINTAINER, OTHER = Key(b"k" * 32), Key(b"m" * 32), Key(b"o" * 32)


@dataclasses.dataclass(frozen=True)
class Place:
    """A store with one real submission, and its videos."""

    store: Store
    taken: Taken
    videos: Path
    work: Path

    def verify(self, sample: int = 1, **changes: object) -> Check:
        """Check it as the maintainer does."""
        taken = dataclasses.replace(self.taken)
        taken.__dict__.update(changes)
        return verify(taken, self.videos, MAINTAINER, sample=sample, work=self.work, device="cpu")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Videos of the mini world, evaluated with its own networks and published."""
    root = tmp_path_factory.mktemp("verify")
    suite = part_of_mini()
    write_videos(root / "videos", [Wanted("Truth", job) for job in suite.jobs])
    run = customstudio.evaluate(
        root / "videos" / "Truth",
        suite=suite,
        references=data_dir("mini") / "refs",
        protocol="mini-v1",
        out=root / "run",
        device="cpu",
        threads=1,
    )
    rules = Rules(suites=(suite,))
    (root / "store").mkdir()
    names = f"{MAINTAINER.public} A maintainer\n{OWNER.public} The owner\n"
    (root / "store" / "maintainers.txt").write_text(names)
    store = Store(root / "store", gate=lambda contents: check(contents, rules=rules))
    entry = store.publish(build(run, factory.card(), owner=OWNER.public), OWNER).entry
    taken = take(store, entry.id, rules)
    return Place(store, taken, root / "videos" / "Truth", root / "work")


@pytest.fixture
def place(original: Place, tmp_path: Path) -> Place:
    """The same with a copy of the videos, to be damaged."""
    copy = tmp_path / "videos"
    for job in original.taken.jobs:
        (copy / job).parent.mkdir(parents=True, exist_ok=True)
        (copy / f"{job}.mp4").write_bytes((original.videos / f"{job}.mp4").read_bytes())
    return dataclasses.replace(original, videos=copy)


def test_a_sample(original: Place) -> None:
    done = original.verify(sample=1)
    assert (done.agrees, done.kind, len(done.jobs), done.of) == (True, "sample-checked", 1, 2)
    assert all(key.beyond == 0 and key.largest < 1e-4 for key in done.keys)
    assert {key.key for key in done.keys} == set(original.taken.entry.overall)
    assert original.verify(sample=1) == done
    event = done.event(MAINTAINER)
    assert drawn_by(event, original.taken.jobs) == done.jobs
    assert original.store.append(event)
    assert original.store.entry(original.taken.entry.id).state.tier == "sample-checked"


def test_all(original: Place) -> None:
    done = original.verify(sample=0)
    assert (done.agrees, done.kind, done.seed) == (True, "recomputed", "")
    assert done.event(MAINTAINER).about == "2 of 2 videos recomputed, all agree."


def test_a_lie(original: Place) -> None:
    """A tenth more on one metric, in rows that would pass every gate."""
    frame = original.taken.scores.to_pandas()
    frame.loc[frame["metric"] == "temporal_consistency_all_pairs", "value"] -= 0.1
    done = original.verify(scores=pa.Table.from_pandas(frame, preserve_index=False))
    bad = [key.key for key in done.keys if not key.agrees]
    assert (bad, done.kind) == (["temporal_consistency_all_pairs"], "disputed")
    assert "differ in temporal consistency all pairs" in (done.event(MAINTAINER).about or "")


def test_not_the_submitted_videos(place: Place) -> None:
    first, second = place.taken.jobs
    path = place.videos / f"{first}.mp4"
    path.write_bytes((place.videos / f"{second}.mp4").read_bytes())
    with pytest.raises(UserError, match="1 of 2 videos are not those that were submitted"):
        place.verify(sample=0)
    for make in (lambda: path.symlink_to("/dev/zero"), lambda: os.mkfifo(path)):
        path.unlink()
        make()
        with pytest.raises(UserError, match="1 of 2 videos are missing"):
            place.verify(sample=0)


def test_a_manifest_of_the_submitter(place: Place) -> None:
    """A manifest beside the videos could name other prompts and references: it is not read."""
    (place.videos / "manifest.csv").write_text("path,prompt\n/etc/passwd,a cat\n")
    assert place.verify(sample=1).agrees


def test_other_references(place: Place) -> None:
    submission = place.taken.submission
    images = {subject: ("0" * 64,) for subject in submission.references}
    with pytest.raises(UserError, match="the reference images of"):
        place.verify(submission=submission.model_copy(update={"references": images}))


def test_other_networks(place: Place) -> None:
    submission = place.taken.submission
    with pytest.raises(UserError, match="the networks here are others"):
        place.verify(submission=submission.model_copy(update={"networks": ()}))


def test_who_may(original: Place) -> None:
    check_maintainer(original.store, original.taken, MAINTAINER)
    for key in (OTHER, OWNER):
        with pytest.raises(UserError, match="may not sign a tier"):
            check_maintainer(original.store, original.taken, key)


def rows(metric: str, values: list[float | None]) -> pd.DataFrame:
    """Rows of one metric."""
    return pd.DataFrame(
        {
            "job": [f"a/b/{number}" for number in range(len(values))],
            "metric": metric,
            "subject": None,
            "value": pd.Series(values, dtype="float32"),
            "reason": [None if value is not None else "no face" for value in values],
        }
    )


@pytest.mark.parametrize(
    ("metric", "submitted", "recomputed", "agrees"),
    [
        ("clip_t", [0.5] * 40, [0.5 + 0.9 * SMOOTH.mean] * 40, True),
        ("clip_t", [0.5] * 40, [0.5 + 1.1 * SMOOTH.mean] * 40, False),
        ("clip_t", [0.5] * 40, [0.5] * 39 + [0.5 + 1.1 * SMOOTH.each], False),
        ("clip_t", [0.5] * 40, [0.5] * 39 + [None], False),
        ("clip_t", [0.5] * 40, [0.5] * 39, False),
        ("clip_t", [0.5] * 39, [0.5] * 40, False),
        ("dynamic_degree", [1.0, 0.0] * 30, [0.0, 0.0] + [1.0, 0.0] * 29, True),
        ("dynamic_degree", [1.0] * 60, [0.0] * 4 + [1.0] * 56, False),
        ("dynamic_degree", [1.0] * 60, [0.0] * 3 + [1.0] * 57, False),
        ("face_similarity.rate", [0.9] * 60, [None] * 3 + [0.9] * 57, True),
        ("face_similarity.rate", [0.9] * 60, [None] * 4 + [0.9] * 56, False),
    ],
)
def test_tolerances(
    metric: str, submitted: list[float | None], recomputed: list[float | None], agrees: bool
) -> None:
    jobs = [f"a/b/{number}" for number in range(60)]
    (found,) = compare(rows(metric, submitted), rows(metric, recomputed), jobs)
    assert found.agrees == agrees
    assert DECIDED.allowed(60) == 3


def test_only_drawn_rows_are_compared() -> None:
    lie = [0.5, 0.9, 0.5]
    (found,) = compare(rows("clip_t", lie), rows("clip_t", [0.5] * 3), ["a/b/0", "a/b/2"])
    assert (found.agrees, found.values) == (True, 2)


def test_previews(place: Place) -> None:
    store, entry = place.store, place.taken.entry
    before = store.version()
    first, second = place.taken.jobs
    good = (place.videos / f"{second}.mp4").read_bytes()
    (place.videos / f"{second}.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(UserError, match="1 videos are not those that were submitted"):
        previews.take_in(store, place.taken, place.videos)
    assert previews.preview(store, entry.id, second) is None
    kept = previews.preview(store, entry.id, first)
    assert kept is not None
    assert kept.stem != place.taken.hashes[first]
    (place.videos / f"{second}.mp4").unlink()
    done = previews.take_in(store, place.taken, place.videos)
    assert (done.there, done.new, done.missing) == (1, 0, 1)
    (place.videos / f"{second}.mp4").write_bytes(good)
    assert previews.take_in(store, place.taken, place.videos).new == 1
    assert list(previews.previews(store, entry.id)) == sorted(place.taken.jobs)
    assert previews.preview(store, entry.id, first) == kept
    assert store.version() > before
    with av.open(str(kept)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (64, 64)
    assert kept.stat().st_size < 50_000


def test_no_two_copies_have_one_hash(original: Place) -> None:
    """Who knows an own video finds no preview of it by encoding it alike."""
    job = original.taken.jobs[0]
    path, sha256 = str(original.videos / f"{job}.mp4"), original.taken.hashes[job]
    copies = {encoded(path, sha256) for _ in range(2)}
    assert len(copies) == 2
    assert all(isinstance(copy, bytes) for copy in copies)


def test_hostile_videos(tmp_path: Path, original: Place) -> None:
    playlist = b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"
    for data in (b"", b"\0" * 1000, playlist, b"ffconcat version 1.0\nfile /etc/passwd\n"):
        path = tmp_path / "video.mp4"
        path.write_bytes(data)
        reason = encoded(str(path), hashlib.sha256(data).hexdigest())
        assert isinstance(reason, str)
        assert reason
    os.mkfifo(tmp_path / "pipe.mp4")
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.truncate(2**40)
    for name in ("/dev/zero", "pipe.mp4", "huge.mp4"):
        assert encoded(str(tmp_path / name), "0" * 64) == "no regular file, or too large"
    assert encoded(str(tmp_path / "none.mp4"), "0" * 64)
