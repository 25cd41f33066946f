"""The small world's faces and optical flow: their data, their training, the networks shipped."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from insightface.app import FaceAnalysis
from insightface.utils.face_align import arcface_dst
from safetensors.torch import save
from torch import nn
from torchvision.models.optical_flow import raft_small

from customstudio.metrics import backbones
from customstudio.metrics.backbones.faces import Faces
from customstudio.mini import check_faces, check_flow, train_faces, train_flow
from customstudio.mini.face_batches import album, cut_out, recogniser_batch, targets, view
from customstudio.mini.face_data import TRAINED, Labelled, circles, labelled, unmirrored
from customstudio.mini.face_networks import STRIDES, Detector, Recogniser
from customstudio.mini.face_onnx import detector_graph, recogniser_graph
from customstudio.mini.look import Identity
from customstudio.mini.steps import Plan, train
from customstudio.mini.world import Scene, render
from customstudio.weights.networks import EMBEDDED, Network, WeightFile
from customstudio.weights.store import Located

FOLDER = EMBEDDED / "mini-faces"
NAMES = ("detection.onnx", "recognition.onnx")


def located(folder: Path) -> Located:
    """The face networks of a folder."""
    files = tuple(WeightFile(name=name) for name in NAMES)
    network = Network(
        id="mini-faces",
        title="faces",
        kind="faces",
        architecture="mini",
        files=files,
        licence="",
        source="",
        embedded=True,
    )
    paths = {name: folder / name for name in NAMES}
    return Located(network, paths, dict.fromkeys(NAMES, ""), "embedded")


@pytest.fixture(scope="module")
def shipped() -> Faces:
    network = backbones.load("faces", located(FOLDER), device="cpu")
    assert isinstance(network, Faces)
    return network


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return labelled(64, 40, 3, tmp_path_factory.mktemp("cache"))


def test_the_world_labels_its_faces(small: Labelled) -> None:
    assert small.who.max() // 2 < TRAINED.stop <= 1_000_000
    assert set(small.seen) <= set(range(6))
    across = small.points[:, 1] - small.points[:, 0]
    down = small.points[:, 3:].mean(axis=1) - small.points[:, :2].mean(axis=1)
    assert (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] > 0).all()


def test_rendered_frames_come_from_the_cache_unchanged(tmp_path: Path) -> None:
    first = labelled(64, 3, 5, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = labelled(64, 3, 5, tmp_path)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.points, again.points)


def test_landmarks_lie_on_the_eyes() -> None:
    """A dark iris in the middle of a lighter ring."""
    clip = render(Scene((Identity("man", 3),), "sitting", "in a forest"), 256, only=[0])
    ys, xs = np.mgrid[:256, :256]
    for x, y in unmirrored(clip.faces[0][0])[:2] - 0.5:
        away = np.hypot(xs - x, ys - y)
        ring = clip.frames[0][(away > 7) & (away < 9)].mean()
        assert clip.frames[0][away < 3].mean() < 0.5 * ring


@pytest.mark.parametrize("side", [64, 128, 256])
def test_a_whole_view_is_what_insightface_makes_of_a_frame(side: int) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    points = np.full((1, 5, 2), 10, np.float32)

    class Whole:
        def uniform(self) -> float:
            return 0.9

    picture, placed, inside = view(frame, points, Whole())  # type: ignore[arg-type]
    resized = cv2.resize(frame, (128, 128)).astype(int)
    assert np.abs(picture.astype(int) - resized).max() <= 2
    np.testing.assert_allclose(placed, 1280 / side)
    assert inside.tolist() == [5]


@pytest.mark.parametrize("angle", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("size", [0.1, 0.3, 0.7, 1.5])
def test_targets_decode_to_the_face_as_insightface_decodes(angle: float, size: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face = ((arcface_dst - 56) * size @ turn.T + 61).astype(np.float32)
    x, y, radius = circles(face[None])[0]
    positives = 0
    for stride, (score, values) in zip(STRIDES, targets(face[None], np.array([5])), strict=True):
        for row, column in np.argwhere(score == 1):
            cell = np.array([column, row]) * stride
            box, marks = np.split(values[row, column] * stride, [4])
            np.testing.assert_allclose(cell + marks.reshape(5, 2), face, atol=1e-3)
            expected = [x - radius, y - radius, x + radius, y + radius]
            np.testing.assert_allclose(np.r_[cell - box[:2], cell + box[2:]], expected, atol=1e-3)
            positives += 1
    assert positives


def test_partly_seen_faces_are_not_counted_and_hidden_ones_are_background() -> None:
    face = arcface_dst[None] * 0.4
    for score, _ in targets(face, np.array([2])):
        assert set(np.unique(score)) <= {-1, 0}
    assert any((score == -1).any() for score, _ in targets(face, np.array([2])))
    assert not any(score.any() for score, _ in targets(face, np.array([0])))


def test_faces_are_aligned_to_arcfaces_template(small: Labelled) -> None:
    """With the eyes of many crops laid over each other, whites stand out where eyes belong."""
    rows = np.flatnonzero(small.seen == 5)
    rng = np.random.default_rng(0)
    mean = np.mean([cut_out(small, row, rng) for row in rows], axis=0).min(axis=2)
    eyes = [
        mean[int(y) - 3 : int(y) + 4, int(x) - 6 : int(x) + 7].mean() for x, y in arcface_dst[:2]
    ]
    assert min(eyes) > mean[40:100, 20:92].mean()


def test_a_batch_shows_each_individual_twice(small: Labelled) -> None:
    twice = Labelled(small.frames, small.frame, small.points, small.who % 4, small.seen)
    book = album([twice])
    count = len(book.places)
    assert recogniser_batch(book, count, np.random.default_rng(0)).shape == (2 * count, 3, 112, 112)


def test_graphs_are_the_networks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    pairs = ((Detector(), detector_graph, 128, 1), (Recogniser(), recogniser_graph, 112, 3))
    for network, graph, side, count in pairs:
        network.train()
        network(torch.randn(4, 3, side, side))  # statistics of normalisation other than 0 and 1
        network.eval()
        x = torch.rand(count, 3, side, side) * 2 - 1
        session = onnxruntime.InferenceSession(graph(network).SerializeToString())
        rows = session.run(None, {"image": x.numpy()})
        with torch.no_grad():
            found = network(x)
        if count == 3:
            np.testing.assert_allclose(rows[0], found.numpy(), atol=5e-3)
            continue
        for k, level in enumerate(found):
            level = level[0].numpy()
            scores, values = level[..., :2], level[..., 2:].reshape(*level.shape[:2], 2, 14)
            np.testing.assert_allclose(
                rows[k].reshape(scores.shape), 1 / (1 + np.exp(-scores)), atol=5e-3
            )
            near = {"atol": 5e-3}
            np.testing.assert_allclose(rows[3 + k].ravel(), values[..., :4].ravel(), **near)
            np.testing.assert_allclose(rows[6 + k].ravel(), values[..., 4:].ravel(), **near)


def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    def step(network: nn.Module, rng: np.random.Generator) -> torch.Tensor:
        x = torch.from_numpy(rng.standard_normal((8, 4)).astype(np.float32))
        return (network(x) - x.sum(1, keepdim=True)).square().mean()

    def fresh() -> nn.Linear:
        torch.manual_seed(1)
        return nn.Linear(4, 1)

    plan = Plan("net", steps=200, rate=0.1, batch=8)
    whole = train(fresh(), plan, step, tmp_path / "a", 0)

    def stopping(network: nn.Module, rng: np.random.Generator) -> torch.Tensor:
        if (tmp_path / "b" / "net.pt").exists():
            raise KeyboardInterrupt
        return step(network, rng)

    with pytest.raises(KeyboardInterrupt):
        train(fresh(), plan, stopping, tmp_path / "b", 0)
    resumed = train(fresh(), plan, step, tmp_path / "b", 0)
    assert torch.equal(whole.weight, resumed.weight)
    assert (tmp_path / "b" / "net.csv").read_text().count("\n") == 2
    assert float(step(whole, np.random.default_rng(9)).detach()) < 0.01


def test_losses_are_least_for_the_truth() -> None:
    face = (arcface_dst[None] * 0.3 + 20).astype(np.float32)
    wanted = [(s[None], v[None]) for s, v in targets(face, np.array([5]))]
    exact = []
    for score, values in wanted:
        logits = torch.from_numpy(np.where(score == 1, 20.0, -20.0).astype(np.float32))
        box = torch.from_numpy(values)
        exact.append(torch.cat([torch.stack([logits] * 2, -1), box, box], dim=-1))
    assert float(train_faces.detector_loss(exact, wanted)) < 1e-6
    moved = [rows + 0.5 for rows in exact]
    assert float(train_faces.detector_loss(moved, wanted)) > 0.1
    pairs = torch.eye(4).repeat_interleave(2, 0)
    assert train_faces.recogniser_loss(pairs) < train_faces.recogniser_loss(pairs.roll(1, 0)) / 10


# insightface aligns by a scikit-image call that is deprecated.
@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")
def test_insightfaces_own_analysis_loads_the_shipped_pack(shipped: Faces) -> None:
    analysis = FaceAnalysis(name=str(FOLDER), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=0, det_thresh=0.5, det_size=(640, 640))
    scene = Scene(
        (Identity("man", 1_500_001), Identity("woman", 1_500_002)), "sitting", "in the snow"
    )
    for side in (64, 200):
        frame = render(scene, side, only=[0]).frames[0]
        theirs = analysis.get(np.ascontiguousarray(frame[:, :, ::-1]))
        found = shipped.find(frame)
        assert len(found) == 2
        np.testing.assert_allclose(found, [face.embedding for face in theirs], atol=1e-3)


def test_the_shipped_networks_find_and_tell_apart_held_out_faces(shipped: Faces) -> None:
    found = check_faces.detection(shipped, frames=60)
    assert found.recall >= 0.95
    assert found.precision >= 0.95
    everybody, alike, _ = check_faces.verification(shipped, individuals=40)
    assert min(everybody, alike) >= 0.95


def test_the_shipped_files_are_small_and_scale_no_pixels(shipped: Faces) -> None:
    assert sum((FOLDER / name).stat().st_size for name in NAMES) < 2.5e6
    assert (shipped._detector.input_mean, shipped._detector.input_std) == (127.5, 128.0)
    assert (shipped._recogniser.input_mean, shipped._recogniser.input_std) == (127.5, 127.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> train_flow.Moving:
    return train_flow.moving(tmp_path_factory.mktemp("flow"), 5, clips=3)


def flow_network(architecture: str, path: Path | None = None) -> backbones.Any:
    """The flow network of an architecture."""
    name = "raft_small.safetensors"
    network = Network(
        id="mini-flow",
        title="flow",
        kind="flow",
        architecture=architecture,
        files=() if path is None else (WeightFile(name=name),),
        licence="",
        source="",
    )
    files = {} if path is None else {name: path}
    return backbones.load("flow", Located(network, files, {}, "embedded"), device="cpu")


def test_batches_of_flow_stay_true_when_mirrored_and_reduced(clips: train_flow.Moving) -> None:
    """The second frame, looked up where the flow points to, is the first one nearly everywhere."""
    (first, second), flow = train_flow.batch(clips, 12, np.random.default_rng(2))
    ys, xs = np.mgrid[:128, :128].astype(np.float32)
    for a, b, f in zip(first, second, flow, strict=True):
        moved = cv2.remap(b.transpose(1, 2, 0), xs + f[0], ys + f[1], cv2.INTER_LINEAR)
        away = np.abs(moved - a.transpose(1, 2, 0)).max(axis=2)
        inside = (xs + f[0] > 0) & (xs + f[0] < 127) & (ys + f[1] > 0) & (ys + f[1] < 127)
        assert np.median(away[inside]) < 0.15
        assert (away[inside] < 0.4).mean() > 0.8


def test_dis_of_the_small_world_sees_how_far_things_move() -> None:
    motion = flow_network("dis")
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 2)
    pairs = [(soft[:64, :64], soft[dy : dy + 64, dx : dx + 64]) for dx, dy in ((0, 0), (3, 4))]
    found = motion.motion(*(np.stack(frames) for frames in zip(*pairs, strict=True)))
    assert found[0] < 0.01
    assert 4.9 < found[1] < 6  # the fastest pixels are at the border, where new ones come in
    flow = np.median(motion.dense_flow(*pairs[1]), axis=(0, 1))
    np.testing.assert_allclose(flow, [-3, -4], atol=0.1)
    assert found.dtype == np.float32
    few = np.zeros((2, 20, 90, 3), np.uint8)
    assert motion.motion(few, few).tolist() == [0.0, 0.0]
    assert motion.motion(few[:0], few[:0]).shape == (0,)


def test_dis_follows_the_exact_motion_of_held_out_scenes() -> None:
    results = {r.name: r.value for r in check_flow.accuracy(flow_network("dis"), clips=40)}
    assert results["mini-flow: correlation with exact motion"] >= 0.75
    assert results["mini-flow: median error"] < 0.3


def test_raft_small_loads_and_enlarges_small_frames(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = raft_small(weights=None).eval()
    path = tmp_path / "raft_small.safetensors"
    path.write_bytes(save({name: v.half() for name, v in model.state_dict().items()}))
    network = flow_network("raft_small", path)
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    large = np.stack([cv2.resize(frame, (192, 128)) for frame in frames])
    small, whole = (network.motion(f[:-1], f[1:]) for f in (frames, large))
    np.testing.assert_allclose(small, whole / 2, rtol=1e-4)
    pixels = torch.from_numpy(large.transpose(0, 3, 1, 2) / np.float32(127.5) - np.float32(1))
    with torch.no_grad():
        model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
        flow = model(pixels[:-1], pixels[1:], 8)[-1].square().sum(1).sqrt().flatten(1)
    expected = flow.topk(int(flow.shape[1] * 0.05)).values.mean(1) / 2
    np.testing.assert_allclose(small, expected.numpy(), rtol=1e-3)


def test_the_sequence_loss_weighs_later_updates_more() -> None:
    truth = torch.ones(1, 2, 2, 2)
    early = train_flow.sequence_loss([truth + 1, truth], truth)
    late = train_flow.sequence_loss([truth, truth + 1], truth)
    assert (float(early), float(late)) == pytest.approx((0.8, 1.0))
