"""Every metric against an independent computation: plain loops in double precision."""

import math

import numpy as np
import pytest

from customstudio.metrics import catalog
from customstudio.metrics.spec import Array, Score, SubjectInfo, Unscored, VideoFeatures


def features(
    arrays: dict[str, Array],
    references: dict[str, tuple[Array, ...]] | None = None,
    text: dict[str, Array] | None = None,
    *,
    categories: tuple[str | None, ...] = ("pet", "pet"),
    frames: int = 5,
    fps: float = 8.0,
) -> VideoFeatures:
    subjects = tuple(SubjectInfo(f"s{i}", category) for i, category in enumerate(categories))
    return VideoFeatures(
        subjects=subjects,
        frames=frames,
        fps=fps,
        width=576,
        height=320,
        arrays=arrays,
        references=references or {},
        text=text or {},
    )


def cos(a: Array, b: Array) -> float:
    """Cosine by its definition, one multiplication at a time."""
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def value(score: Score) -> float:
    assert not isinstance(score.value, Unscored)
    return score.value


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_clip_t_is_the_mean_cosine_and_its_clipscore(rng: np.random.Generator) -> None:
    frames, text = rng.normal(size=(5, 7)).astype("f4"), rng.normal(size=7).astype("f4")
    scores = catalog.score_function("clip_t")(
        features({"clip.frames": frames}, text={"clip.text": text})
    )
    cosines = [cos(frame, text) for frame in frames]
    assert value(scores["clip_t"]) == pytest.approx(sum(cosines) / 5, abs=1e-12)
    scaled = [2.5 * max(c, 0.0) for c in cosines]
    assert value(scores["clip_t.x2_5"]) == pytest.approx(sum(scaled) / 5, abs=1e-12)
    assert min(cosines) < 0 < max(cosines), "both signs, or the clamp would go untested"


@pytest.mark.parametrize(("metric", "role"), [("clip_i", "clip"), ("dino_i", "dino")])
def test_image_metrics_are_means_per_subject_then_over_subjects(
    metric: str, role: str, rng: np.random.Generator
) -> None:
    frames = rng.normal(size=(5, 7)).astype("f4")
    references = (rng.normal(size=(4, 7)).astype("f4"), rng.normal(size=(2, 7)).astype("f4"))
    given = {f"{role}.references": references}
    if role == "clip":
        given["clip.references_masked"] = (references[1], np.empty((0, 7), "f4"))
    scores = catalog.score_function(metric)(features({f"{role}.frames": frames}, given))
    per_subject = [
        np.mean([[cos(frame, image) for image in images] for frame in frames])
        for images in references
    ]
    assert value(scores[metric]) == pytest.approx(np.mean(per_subject), abs=1e-12)
    assert scores[metric].subjects == pytest.approx(
        {"s0": per_subject[0], "s1": per_subject[1]}, abs=1e-12
    )
    pooled = [cos(frame, image) for frame in frames for images in references for image in images]
    assert value(scores[f"{metric}.pooled"]) == pytest.approx(np.mean(pooled), abs=1e-12)
    assert value(scores[metric]) != pytest.approx(value(scores[f"{metric}.pooled"]), abs=1e-4)
    if role == "clip":
        masked = scores["clip_i.masked"]
        assert value(masked) == pytest.approx(per_subject[1], abs=1e-12)
        assert masked.subjects["s1"] == Unscored("no masks", applicable=False)


def test_a_subject_without_references_has_a_reason_and_so_has_its_video() -> None:
    frames = np.eye(3, dtype="f4")
    none = np.empty((0, 3), "f4")
    scores = catalog.score_function("dino_i")(
        features({"dino.frames": frames}, {"dino.references": (frames[:1], none)}, frames=3)
    )
    assert scores["dino_i"].subjects["s0"] == pytest.approx(1 / 3)
    assert scores["dino_i"].value == Unscored("s1: no usable reference image for dino.references")
    assert isinstance(scores["dino_i.pooled"].value, Unscored)


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("temporal_consistency", "clip.frames"),
        ("dino_temporal_consistency", "dino.frames"),
        ("temporal_consistency_all_pairs", "clip.frames"),
    ],
)
def test_temporal_consistency(metric: str, name: str, rng: np.random.Generator) -> None:
    frames = rng.normal(size=(5, 7)).astype("f4")
    pairs = (
        [(i, j) for i in range(5) for j in range(i + 1, 5)]
        if metric.endswith("all_pairs")
        else [(i, i + 1) for i in range(4)]
    )
    expected = np.mean([cos(frames[i], frames[j]) for i, j in pairs])
    function = catalog.score_function(metric)
    assert value(function(features({name: frames}))[metric]) == pytest.approx(expected, abs=1e-12)
    still = np.repeat(frames[:1], 5, axis=0)
    assert value(function(features({name: still}))[metric]) == pytest.approx(1.0, abs=1e-12)
    one = function(features({name: frames[:1]}, frames=1))[metric].value
    assert isinstance(one, Unscored)
    assert one.applicable, "a video of one frame is a gap in coverage, not a matter of the suite"


def rows(*faces: tuple[int, Array]) -> Array:
    return np.stack([np.concatenate([[frame], face]) for frame, face in faces]).astype("f4")


def test_faces_are_assigned_one_to_one_and_a_missing_face_counts_as_zero() -> None:
    a, b = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    given = features(
        # Frame 0 shows both, frame 1 only a face nearer to the first, frame 2 none.
        {"faces.frames": rows((0, b), (0, a), (1, a))},
        {"faces.references": (np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[0.6, 0.8]]))},
        categories=("person", "person"),
        frames=3,
    )
    scores = catalog.score_function("face_similarity")(given)
    assert scores["face_similarity"].subjects == pytest.approx({"s0": 2 / 3, "s1": 1 / 3})
    assert value(scores["face_similarity"]) == pytest.approx(0.5)
    assert scores["face_similarity.rate"].subjects == pytest.approx({"s0": 2 / 3, "s1": 1 / 3})
    assert scores["face_similarity.detected"].subjects == pytest.approx({"s0": 1.0, "s1": 1.0})


def test_face_assignment_maximises_the_sum_not_the_first_comers_share() -> None:
    a, b = np.array([1.0, 0.0]), np.array([0.9, math.sqrt(0.19)])
    # Greedily the first person would take face `near`, and leave the second with little.
    near, far = np.array([0.95, math.sqrt(1 - 0.95**2)]), np.array([1.0, 0.0])
    given = features(
        {"faces.frames": rows((0, near), (0, far))},
        {"faces.references": (a[None], b[None])},
        categories=("person", "person"),
        frames=1,
    )
    scores = catalog.score_function("face_similarity")(given)
    options = [cos(a, near) + cos(b, far), cos(a, far) + cos(b, near)]
    assert value(scores["face_similarity"]) == pytest.approx(max(options) / 2, abs=1e-6)


def test_faces_do_not_apply_to_others_and_lacking_references_are_a_gap() -> None:
    none = np.empty((0, 2))
    given = {"faces.references": (none, none)}
    function = catalog.score_function("face_similarity")
    pets = function(features({}, given))["face_similarity"]
    assert pets.value == Unscored("not a person", applicable=False)
    mixed = function(features({}, given, categories=("person", "pet")))["face_similarity"]
    assert mixed.value == Unscored("s0: no face in any reference image")
    unknown = function(features({}, given, categories=(None, "pet")))["face_similarity"]
    assert isinstance(unknown.value, Unscored)
    assert not unknown.value.applicable


def test_subject_dino_gives_each_crop_to_one_subject() -> None:
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    given = features(
        {"crops.frames": rows((0, a), (0, b), (1, a))},
        {"dino.references": (np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[0.0, 2.0]]))},
        frames=3,
    )
    scores = catalog.score_function("subject_dino")(given)
    first = (1 + 0.6) / 2  # mean over the subject's two references
    expected = {"s0": 2 * first / 3, "s1": 1 / 3}
    assert scores["subject_dino"].subjects == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("motion", "dynamic"),
    [([7.6] * 6 + [0.0] * 17, 1.0), ([7.6] * 5 + [0.0] * 18, 0.0), ([7.5] * 23, 0.0)],
)
def test_dynamic_degree_follows_vbench(motion: list[float], dynamic: float) -> None:
    # 24 frames of 576x320: the threshold is 6 * 320 / 256 = 7.5 pixels, strictly above it;
    # round(4 * 24 / 16) = 6 moving pairs make the video dynamic.
    scores = catalog.score_function("dynamic_degree")(
        features({"flow.motion": np.array(motion, "f4")}, frames=24)
    )
    assert value(scores["dynamic_degree"]) == dynamic


def test_magnitude_is_the_median_in_shorter_sides_a_second() -> None:
    motion = np.array([1.0, 32.0, 64.0], "f4")
    scores = catalog.score_function("dynamic_degree")(
        features({"flow.motion": motion}, frames=10, fps=24.0)
    )
    # At 24 frames a second every third is taken: 3 / 24 s between them.
    assert value(scores["dynamic_degree.magnitude"]) == pytest.approx(32.0 / 320 / (3 / 24))
    opencv = catalog.score_function("motion_magnitude")(
        features({"dis.motion": motion}, frames=10, fps=24.0)
    )
    assert value(opencv["motion_magnitude"]) == pytest.approx(32.0 / 320 / (3 / 24))


def test_too_few_frames_have_no_dynamic_degree() -> None:
    scores = catalog.score_function("dynamic_degree")(
        features({"flow.motion": np.array([50.0], "f4")}, frames=2)
    )
    assert isinstance(scores["dynamic_degree"].value, Unscored)
    assert isinstance(scores["dynamic_degree.magnitude"].value, Unscored)


def test_shares_and_ratings_are_means_over_frames() -> None:
    seams = catalog.score_function("stitch_score")(
        features({"seams.frames": np.array([1, 0, 0, 2, 1], "f4")})
    )
    assert value(seams["stitch_score"]) == pytest.approx(0.6)
    assert value(seams["stitch_score.vertical"]) == pytest.approx(0.4)
    ratings = catalog.score_function("aesthetic_quality")(
        features({"aesthetic.frames": np.array([4.0, 5.0, 6.0], "f4")}, frames=3)
    )
    assert value(ratings["aesthetic_quality"]) == pytest.approx(0.5)


@pytest.mark.parametrize("metric", ["clip_i", "dino_i"])
def test_order_of_references_changes_nothing(metric: str, rng: np.random.Generator) -> None:
    role = metric.split("_")[0]
    frames, images = rng.normal(size=(5, 64)), rng.normal(size=(6, 64))
    function = catalog.score_function(metric)

    def scored(order: Array) -> float:
        references = {f"{role}.references": (images[order],)}
        if role == "clip":
            references["clip.references_masked"] = (np.empty((0, 64)),)
        given = features({f"{role}.frames": frames}, references, categories=("pet",))
        return value(function(given)[metric])

    assert np.float32(scored(np.arange(6))) == np.float32(scored(rng.permutation(6)))
