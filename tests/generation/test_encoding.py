"""What writing a video as H.264 does to it: to its pixels, and to the features that are scored."""

from pathlib import Path

import numpy as np

from customstudio.media.image import load_image
from customstudio.media.video import read_video, write_video
from customstudio.metrics.backbones import dino
from customstudio.suites.references import data_dir
from customstudio.weights.store import Store


def test_encoding_moves_features_far_less_than_identity_does(tmp_path: Path) -> None:
    """Portraits of 21 subjects as frames, each another scene: the hardest case for a codec."""
    folders = sorted((data_dir("mini") / "refs").iterdir())
    frames = np.stack([load_image(min(folder.iterdir())) for folder in folders])
    write_video(tmp_path / "portraits.mp4", frames, 8.0)
    decoded = read_video(tmp_path / "portraits.mp4").frames
    assert decoded.shape == frames.shape
    difference = frames.astype(float) - decoded
    # Colour is kept at half the resolution (4:2:0), and these pictures are flat with hard edges.
    assert np.abs(difference).mean() < 4
    assert 10 * np.log10(255**2 / (difference**2).mean()) > 30

    located = Store().locate(["mini-dino"])["mini-dino"]
    network = dino.load(located, device="cpu", precision="float32", options={})
    before, after = (
        network.embed(np.stack([network.transform(frame) for frame in video]))
        for video in (frames, decoded)
    )
    before /= np.linalg.norm(before, axis=1, keepdims=True)
    after /= np.linalg.norm(after, axis=1, keepdims=True)
    kept = (before * after).sum(1).min()
    likest = np.sort((before @ before.T)[np.triu_indices(len(before), 1)])[-1]
    assert kept > 0.99
    assert 1 - kept < 0.1 * (1 - likest)
