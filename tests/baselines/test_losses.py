"""The losses against plain NumPy computations of the papers' equations."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from customstudio.baselines.attention import AttentionLoss, attention_loss, recording
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.training import denoising_errors

RNG = np.random.default_rng(3)
BATCH, HEADS, TOKENS, SUBJECTS = 2, 3, 7, 2
LATENT = (8, 12)


def maps(level: int, layers: int) -> list[NDArray[np.float64]]:
    height, width = (-(-side // 2 ** (level - 1)) for side in LATENT)
    raw = [RNG.normal(size=(BATCH, HEADS, height * width, TOKENS)) for _ in range(layers)]
    return [np.exp(r) / np.exp(r).sum(-1, keepdims=True) for r in raw]


def equation_2(
    of_level: dict[int, list[NDArray[np.float64]]],
    columns: Sequence[Sequence[Sequence[int]]],
    masks: NDArray[np.bool_],
    options: AttentionLoss,
) -> float:
    """Position by position, as the equation is written."""
    of_levels = []
    for level, layers in of_level.items():
        height, width = (-(-side // 2 ** (level - 1)) for side in LATENT)
        step_y, step_x = masks.shape[2] / height, masks.shape[3] / width
        of_samples = []
        for sample in range(BATCH):
            total = 0.0
            for subject in range(SUBJECTS):
                if not columns[sample][subject]:
                    continue
                terms = []
                for y, x in product(range(height), range(width)):
                    if options.mask_resize == "nearest":
                        at = (int((y + 0.5) * step_y), int((x + 0.5) * step_x))
                        inside = masks[sample, :, at[0], at[1]].astype(float)
                    else:
                        rows = slice(int(y * step_y), int((y + 1) * step_y))
                        cols = slice(int(x * step_x), int((x + 1) * step_x))
                        inside = masks[sample, :, rows, cols].mean(axis=(1, 2))
                    m = inside[subject]
                    target = m + options.eta * (1 - m)
                    outside = 1 - m
                    if options.negative_area == "others":
                        outside *= min(inside.sum() - m, 1)
                    weight = options.positive * m + options.negative * outside
                    values = np.array([
                        [layer[sample, head, y * width + x, columns[sample][subject]].mean()
                         for head in range(layer.shape[1])] for layer in layers
                    ])  # fmt: skip
                    if options.heads == "before":
                        terms.append(weight * (values.mean() - target) ** 2)
                    else:
                        terms.append((weight * (values - target) ** 2).mean())
                total += sum(terms) if options.norm == "sum" else float(np.mean(terms))
            of_samples.append(total)
        of_levels.append(np.mean(of_samples))
    return float(np.mean(of_levels))


@pytest.mark.parametrize(
    "options",
    [
        AttentionLoss(),
        AttentionLoss(norm="sum"),
        AttentionLoss(heads="after"),
        AttentionLoss(mask_resize="area", eta=-0.3),
        AttentionLoss(negative=False),
        AttentionLoss(positive=False, eta=-0.1),
        AttentionLoss(negative_area="others", eta=-0.1),
    ],
    ids=str,
)
def test_attention_loss_is_equation_2(options: AttentionLoss) -> None:
    of_level = {2: maps(2, 2), 3: maps(3, 3)}
    masks = np.zeros((BATCH, SUBJECTS, 64, 96), np.bool_)
    masks[:, 0, 10:50, 3:40] = True
    masks[:, 1, 5:60, 52:90] = True
    columns = [[[2], [4]], [[1, 3], []]]
    hot = np.zeros((BATCH, SUBJECTS, TOKENS), np.int32)
    for sample, subject in product(range(BATCH), range(SUBJECTS)):
        hot[sample, subject, columns[sample][subject]] = 1
    ours = attention_loss(
        {level: [torch.from_numpy(m) for m in layers] for level, layers in of_level.items()},
        torch.from_numpy(hot),
        torch.from_numpy(masks).double(),
        LATENT,
        options,
    )
    assert float(ours) == pytest.approx(equation_2(of_level, columns, masks, options), rel=1e-9)


def test_recorded_attention_changes_nothing(model: VideoModel) -> None:
    noisy = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    text, t = model.encode_text(["a cat", "a dog"]), torch.tensor([10, 700])
    before = dict(model.unet.attn_processors)
    plain = model.predict(noisy, t, text)
    with recording(model.unet, (1, 2, 3, 4)) as kept:
        recorded = model.predict(noisy, t, text)
    assert torch.allclose(plain, recorded, atol=2e-5 * float(plain.abs().max()))
    assert model.unet.attn_processors == before
    assert {level: len(layers) for level, layers in kept.items()} == {1: 5, 2: 5, 3: 5, 4: 1}
    for level, layers in kept.items():
        positions = (8 // 2 ** (level - 1)) ** 2
        for layer in layers:
            assert layer.shape[0] == 2
            assert layer.shape[2:] == (positions, 77)
            assert torch.allclose(layer.sum(-1), torch.ones(()))


def test_denoising_error_is_the_papers(model: VideoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, with the schedule worked out by hand."""
    seen = {}

    def output(noisy: torch.Tensor, t: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        seen.update(noisy=noisy.numpy(), t=t.numpy(), text=text)
        return noisy * 0.5

    monkeypatch.setattr(model, "output", output)
    images = RNG.integers(0, 256, (2, 16, 24, 3)).astype(np.uint8)
    errors = denoising_errors(model, images, ["a", "b"], torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    z = model.encode_images(images, generator).numpy()
    t = torch.randint(1000, (2,), generator=generator).numpy()
    eps = torch.randn(z.shape, generator=generator).numpy()
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    kept = np.cumprod(1 - betas)[t][:, None, None, None, None]
    noisy = np.sqrt(kept) * z + np.sqrt(1 - kept) * eps
    assert np.array_equal(seen["t"], t)
    assert np.allclose(seen["noisy"], noisy, atol=1e-5)
    expected = ((0.5 * noisy - eps) ** 2).reshape(2, -1).mean(1)
    assert errors.numpy() == pytest.approx(expected, rel=1e-4)
