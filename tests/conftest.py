"""Media for tests: small videos written once a session, and real ones where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real videos and reference images beside the repository."""
    folder = ROOT.parent / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("no folder of real media beside the repository")
    return folder


def moving_picture(frames: int, height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth colours that drift, with the frame's number as a bar of white on black at the top."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((frames + height // 8 + 2, width // 8 + 2, 3))
    smooth = (coarse[:, :-1] + coarse[:, 1:])[:, :, :] / 2
    video = np.zeros((frames, height, width, 3), np.uint8)
    for at in range(frames):
        block = np.kron(smooth[at : at + height // 8 + 1], np.ones((8, 8, 1)))
        video[at] = (255 * block[:height, :width]).astype(np.uint8)
        video[at, : max(1, height // 8)] = 0
        video[at, : max(1, height // 8), : (at + 1) * width // (frames + 1)] = 255
    return video


@pytest.fixture(scope="session")
def small_frames() -> NDArray[np.uint8]:
    """Twelve frames of 64x48 pixels."""
    return moving_picture(12, 48, 64)


@pytest.fixture(scope="session")
def small_mp4(tmp_path_factory: pytest.TempPathFactory, small_frames: NDArray[np.uint8]) -> Path:
    """The twelve frames as H.264 at 8 Hz."""
    from customstudio.media.video import write_video

    path = tmp_path_factory.mktemp("media") / "small.mp4"
    write_video(path, small_frames, 8.0)
    return path


@pytest.fixture(scope="session")
def toy_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy networks: the real classes and file formats at tiny width, random values."""
    from customstudio.weights import random_weights

    folder = tmp_path_factory.mktemp("toys")
    list(random_weights.write(folder, toy=True))
    return folder


@pytest.fixture(scope="session")
def toy_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of twelve small rendered videos of two methods, with references and categories."""
    from PIL import Image

    from customstudio.media.video import write_video

    folder = tmp_path_factory.mktemp("videos")
    rows = ["path,method,prompt,subjects,categories,seed"]
    for number, subject in enumerate(("ann", "cat", "hat")):
        target = folder / "references" / subject
        target.mkdir(parents=True)
        for image in range(3):
            picture = moving_picture(1, 80, 96, seed=10 * number + image)[0]
            Image.fromarray(picture).save(target / f"{image:02d}.png")
            if subject == "cat":
                mask = folder / "masks" / subject / f"{image:02d}.png"
                mask.parent.mkdir(parents=True, exist_ok=True)
                disc = np.hypot(*(np.mgrid[-40:40, -48:48])) < 30
                Image.fromarray(disc.astype(np.uint8) * 255).save(mask)
    categories = {"ann": "person", "cat": "pet", "hat": "wearable item"}
    pairs = (("ann", "cat"), ("cat", "hat"), ("ann", "hat"))
    for seed, (pair, method) in enumerate((p, m) for p in pairs for m in ("one", "two") * 2):
        name = f"{method}/{'-'.join(pair)}-{seed}.mp4"
        write_video(folder / name, moving_picture(5 + seed % 3, 48, 64, seed=seed), 8.0)
        kinds = ";".join(categories[s] for s in pair)
        rows.append(f"{name},{method},a {pair[0]} and a {pair[1]},{';'.join(pair)},{kinds},{seed}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's caches, and the user's caches out of tests.

    A cache is a test's own: what one finds there must not depend on those before it.
    """
    folder = tmp_path_factory.getbasetemp() / "home"
    for name in ("DATA", "WEIGHTS"):
        monkeypatch.setenv(f"CUSTOMSTUDIO_{name}", str(folder / name.lower()))
    monkeypatch.setenv("CUSTOMSTUDIO_CACHE", str(tmp_path_factory.mktemp("cache")))
