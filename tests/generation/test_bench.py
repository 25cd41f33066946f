"""The benchmark of generation: its counts at full size, and variants that leave nothing behind."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.trial import base_state
from customstudio.errors import UserError
from customstudio.generation import bench
from customstudio.generation.bench_models import SMALL, flops, sampling
from customstudio.suites.schema import VideoSpec
from tests.baselines.conftest import _tiny, model  # noqa: F401

torch.set_num_threads(1)


def test_the_plan_counts_at_full_size(capsys: pytest.CaptureFixture[str]) -> None:
    bench.plan(300.0)
    rows = {}
    for line in capsys.readouterr().out.splitlines():
        what, figure, details = (part.strip() for part in line.strip("|").split("|"))
        rows[what] = (figure, details)
    assert rows["parameters"][0] == "50,864,128 train"
    assert "UNet 1,411.2 M, VAE 83.7 M" in rows["parameters"][1]
    step, guided, decode = (
        float(rows[name][0].split()[0])
        for name in ("training step", "sampling step", "decoding a video")
    )
    # Counted part by part: UNet 7.42, VAE 4 x 0.78 (the text encoder is the rest); 42.8; 24 x 1.76.
    assert 7.42 + 4 * 0.78 < step == pytest.approx(7.42 + 4 * 0.78, rel=0.05)
    assert guided == pytest.approx(42.8, abs=0.05)
    assert decode == pytest.approx(24 * 1.76, rel=0.01)
    videos = 2720 * (50 * guided + decode) / 300 / 3600
    assert rows["2,720 videos"][0] == f"{videos:.2f} h"
    assert float(rows["in all"][0].split()[0]) < 8


def test_operations_are_counted() -> None:
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    assert flops(lambda: torch.mm(a, b)) == 2 * 3 * 5 * 7


@pytest.mark.parametrize(
    ("name", "off"),
    [("bf16", 0.05), ("no-sdpa+tf32", 1e-4), ("channels-last", 1e-4), ("compile", 1e-4)],
)
def test_a_variant_changes_little_and_is_undone(
    model: VideoModel,  # noqa: F811
    name: str,
    off: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def eager(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., object]:
        """In place of a compiler, which takes minutes: runs what was traced."""
        calls.append(len(graph.graph.nodes))
        return graph.forward

    monkeypatch.setattr(bench, "COMPILER", eager)
    noise = torch.randn(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    text, t = model.encode_text(["a cat", "a dog"]).detach(), torch.tensor([10, 700])

    def predict() -> torch.Tensor:
        with torch.no_grad():
            return model.predict(noise, t, text)

    state, before = base_state(model), predict()
    with bench.variant(name, model):
        inside = predict()
    assert (inside - before).abs().max() <= off * before.abs().max()
    assert (len(calls) > 10) == (name == "compile")
    if name not in ("channels-last", "compile"):
        assert not torch.equal(inside, before)
    compiled = len(calls)
    assert torch.equal(predict(), before)
    assert len(calls) == compiled
    after = base_state(model)
    assert all(torch.equal(after[key], state[key]) for key in state)
    assert all(p.is_contiguous() for p in model.unet.parameters())
    assert not model.autocast
    assert not torch.backends.cuda.matmul.allow_tf32


def test_it_measures_the_small_size_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--device", "cpu", "--steps", "1", "--rounds", "1"]
    arguments += ["--variants", "no-sdpa,no-sdpa+bf16", "--batches", "1,2"]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    bench.main()
    out = capsys.readouterr().out
    for what in (
        "500 training steps", "of a training step: UNet, there and back", "a video, 2 at once",
        "a class image, 8 at once", "sampling, no-sdpa", "training, no-sdpa+bf16",
    ):  # fmt: skip
        assert f"| {what} |" in out
    assert "times as fast" in out


def test_methods_are_timed_by_their_own_fit_and_generate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A time of a step is scaled to the method's own number; what cannot be timed says why."""
    monkeypatch.delenv("CUSTOMSTUDIO_CACHE", raising=False)
    names = "static_reference,dreamvideo,disendiff_svd,dreambooth,ip_adapter,lora@nowhere"
    monkeypatch.setattr(sys, "argv", ["bench", "--device", "cpu", "--methods", names])
    bench.main()
    rows = {}
    for line in capsys.readouterr().out.splitlines()[4:]:
        name, fit, _, video, _ = (part.strip() for part in line.strip("|").split("|"))
        rows[name.strip("`")] = (fit, video)
    assert list(rows) == names.split(",")
    token, adapter = (
        [float(part.replace(",", "")) for part in re.findall(r"([\d,.]+) x ([\d.]+) s", each)[0]]
        for each in re.findall(r"[\d,]+ x [\d.]+ s", rows["dreamvideo"][0])
    )
    assert (token[0], adapter[0]) == (3000, 800)
    whole = float(rows["dreamvideo"][0].split(" s ")[0].replace(",", ""))
    assert whole == pytest.approx(3000 * token[1] + 800 * adapter[1], abs=2 + 1e-3 * 3800)
    assert min(float(rows[name][1].split()[0]) for name in ("dreamvideo", "disendiff_svd")) > 0
    for name, count in (("disendiff_svd", "250"), ("dreambooth", "1,000")):
        # A step there and back, not the class images before it, which are progress too.
        found = re.findall(r"\(([\d,]+) x ([\d.]+) s\)", rows[name][0])
        assert found[0][0] == count
        assert float(found[0][1]) > 0.005
    assert "use a GPU" in rows["ip_adapter"][0]
    assert "unknown base model" in rows["lora@nowhere"][0]
    assert "CUSTOMSTUDIO_CACHE" not in os.environ


def test_a_face_is_drawn_where_no_network_finds_one(tmp_path: Path) -> None:
    """Random values find no face; what a video costs does not depend on whose it is."""
    from customstudio.baselines.ip_adapter_faceid import DEFAULTS
    from customstudio.generation import bench_methods

    video = VideoSpec(frames=2, fps=8.0, width=64, height=64)
    with (
        pytest.raises(UserError, match="no small size of ip-adapter-faceid-sd15\n"),
        bench_methods.networks("ip_adapter_faceid", "cpu", video, tmp_path),
    ):
        pass
    assert bench_methods.DrawnFaces().find(np.zeros((4, 4, 3), np.uint8)).shape == (1, 512)
    assert DEFAULTS.faces == "insightface-buffalo-l"


def test_several_videos_cost_several_times_the_operations(
    model: VideoModel,  # noqa: F811
) -> None:
    one, two = (flops(sampling(model, SMALL, batch)) for batch in (1, 2))
    assert two == 2 * one > 0
