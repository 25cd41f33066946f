"""The making of the mini base models: where they start, what they are told, what they never see."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from customstudio.baselines import catalog
from customstudio.baselines.bases.loading import load_base
from customstudio.baselines.bases.mini import (
    check,
    data,
    denoiser,
    linear_start,
    train_motion,
    train_vae,
    train_zeroscope,
    words,
)
from customstudio.baselines.bases.mini.ahead import Ahead
from customstudio.baselines.bases.store import locate
from customstudio.baselines.bases.tiny import SCHEDULE
from customstudio.mini.captions import CLASSES
from customstudio.mini.places import PLACES
from customstudio.mini.training_data import Pictures
from customstudio.mini.world import ACTIONS, render

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Single frames of 40 scenes; the first is of a held-out prompt."""
    scenes = [data.scene(number) for number in range(40)]
    clips = [render(scene, only=[0]) for scene in scenes]
    padded = [[CLASSES.index(s.noun) for s in scene.subjects] + [-1] * 3 for scene in scenes]
    classes = np.array([row[:3] for row in padded])
    action = np.array([ACTIONS.index(scene.action) for scene in scenes])
    place = np.array([PLACES.index(scene.place) for scene in scenes])
    classes[0, 0], action[0], place[0] = words.HELD_OUT[0]
    return Pictures(
        images=np.stack([clip.frames[0] for clip in clips]),
        labels=np.stack([clip.labels[0].astype(np.uint8) for clip in clips]),
        who=np.where(classes >= 0, 0, -1),
        classes=classes,
        action=action,
        place=place,
        cohort=np.zeros(40, int),
    )


@pytest.fixture(scope="module")
def network() -> denoiser.Denoiser:
    torch.manual_seed(0)
    return denoiser.untrained().eval()


def psnr(vae: object, images: torch.Tensor) -> float:
    with torch.no_grad():
        seen = vae.decode(vae.encode(images).latent_dist.mean).sample  # type: ignore[attr-defined]
    return float(10 * torch.log10(4 / (seen - images).square().mean()))


def test_the_vae_starts_where_it_nearly_sees(pictures: Pictures) -> None:
    images = train_vae.batch(pictures, 0, 40)
    torch.manual_seed(0)
    vae = train_vae.network().eval()
    before = psnr(vae, images)
    found = linear_start.components(images)
    assert torch.allclose(found.basis.T @ found.basis, torch.eye(48), atol=1e-4)
    linear_start.start(vae, found)
    assert psnr(vae, images) > max(14, before + 5)
    with torch.no_grad():
        posterior = vae.encode(images).latent_dist
    assert float(posterior.logvar.max()) == pytest.approx(linear_start.LOG_VARIANCE, abs=1e-3)
    # The channels are the components themselves, but for what SiLU bends.
    patches = images[:, :, :4, :4].reshape(40, 3, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4)
    expected = (patches.reshape(40, 48) - found.mean) @ found.basis[:, 0] / found.unit
    got = posterior.mean[:, 0, 0, 0]
    assert float(torch.corrcoef(torch.stack([expected, got]))[0, 1]) > 0.98


def test_time_is_left_out_and_comes_back(network: denoiser.Denoiser) -> None:
    noisy, t = torch.randn(1, 12, 3, 16, 16), torch.tensor([500])
    text = torch.randn(1, 7, denoiser.TEXT_WIDTH)

    def predict(latents: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            found: torch.Tensor = network.unet(latents, t, text, return_dict=False)[0]
        return found

    with denoiser.single_frames(network.unet):
        together = predict(noisy)
        alone = torch.cat([predict(noisy[:, :, n : n + 1]) for n in range(3)], 2)
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(predict(noisy), together, atol=1e-3)
    train_zeroscope.begin_temporal(network)
    assert torch.allclose(predict(noisy), together, atol=1e-5)  # training starts from nothing
    learns = {n for n, p in network.named_parameters() if p.requires_grad}
    assert learns == {n for n, _ in network.named_parameters()
                      if "temp_" in n or "transformer_in" in n}  # fmt: skip


def test_latents_are_whitened_where_nothing_is_lost(pictures: Pictures) -> None:
    images = train_vae.batch(pictures, 0, 40)
    vae = train_vae.network().eval()
    linear_start.start(vae, linear_start.components(images))
    with torch.no_grad():
        before = vae.decode(vae.encode(images).latent_dist.mean).sample
        assert float(vae.encode(images).latent_dist.mean.std(dim=(0, 2, 3)).max()) > 1.5
    train_vae.whiten(vae, pictures)
    with torch.no_grad():
        posterior = vae.encode(train_vae.batch(pictures, train_vae.STEPS, 256)).latent_dist
        after = vae.decode(vae.encode(images).latent_dist.mean).sample
    assert torch.allclose(after, before, atol=1e-4)
    assert torch.allclose(posterior.mean.mean(dim=(0, 2, 3)), torch.zeros(12), atol=1e-4)
    assert torch.allclose(posterior.mean.std(dim=(0, 2, 3)), torch.ones(12), atol=1e-3)
    weight = train_zeroscope.importance(vae, posterior.mean[:20, :, None])
    assert float(weight.mean()) == pytest.approx(1)
    assert float(weight[0]) > 2 * float(weight[-1])  # the first component, and the last


def test_the_loss_is_of_the_velocity(
    network: denoiser.Denoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    betas = np.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000) ** 2
    clean = torch.randn(3, 12, 1, 16, 16)
    monkeypatch.setattr(network, "weight", torch.arange(12.0))
    torch.manual_seed(5)
    with torch.no_grad():
        ids = network.ids(["", "a cat", "a red dog in the snow"])
        got = float(network.loss(clean, ids))
        # Again, by hand: the same numbers drawn in the same order.
        torch.manual_seed(5)
        t, noise = network.times(3), torch.randn_like(clean)
        a = np.cumprod(1 - betas)[t.numpy()].reshape(3, 1, 1, 1, 1)
        x, eps = clean.numpy().astype(np.float64), noise.numpy().astype(np.float64)
        noisy = torch.from_numpy(a**0.5 * x + (1 - a) ** 0.5 * eps).float()
        rows = [network.tokenizer(text, padding="max_length", max_length=words.LENGTH).input_ids
                for text in ("", "a cat", "a red dog in the snow")]  # fmt: skip
        text = network.text_encoder(torch.tensor(rows)).last_hidden_state
        found = network.unet(noisy, t, encoder_hidden_states=text).sample.numpy()
    errors = (found - (a**0.5 * eps - (1 - a) ** 0.5 * x)) ** 2
    expected = np.mean(errors * np.arange(12.0).reshape(1, 12, 1, 1, 1))
    assert got == pytest.approx(expected, rel=1e-4)
    assert len(network.unet.attn_processors) == 66
    drawn = network.times(20_000).double() / 1000
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert float(drawn.mean()) == pytest.approx((1 / 2 + 2 / 3) / 2, abs=0.01)


def test_captions_are_true() -> None:
    claims = words.Claims((0, 4), ("red", "blue spotted"), 1, 2, 0)
    rng = np.random.default_rng(0)
    told = [words.caption(claims, rng) for _ in range(400)]
    assert 20 < told.count("") < 60
    wrong = [CLASSES[c] for c in range(len(CLASSES)) if c not in (0, 4)] + [
        text for text in (*ACTIONS, *PLACES) if text not in (ACTIONS[1], PLACES[2])
    ]
    for text in told:
        assert not any(f" {word}" in f" {text}".replace("plushie", "") for word in wrong)
        assert text == "" or (CLASSES[0] in text and CLASSES[4] in text)
    assert any("red cat" in text for text in told)
    white = [words.caption(words.Claims((0,), ("red",), 0, None), rng) for _ in range(50)]
    assert any(words.WHITE in text for text in white)
    assert not any(place in text for text in white for place in PLACES)


def test_every_word_is_one_token() -> None:
    tokens = words.tokenizer()
    text = "a gray striped cat and a dog jumping in the snow on a white background very small"
    assert len(tokens.tokenize(text)) == len(text.split())
    assert len(tokens.tokenize("zzz")) == 3


def test_nothing_held_out_is_trained_on(pictures: Pictures) -> None:
    batches = data.PictureBatches(pictures)
    rng = np.random.default_rng(0)
    _, _, told = batches.draw(rng, 300)
    for number in range(300):
        scene = data.scene(number)
        assert all(6000 <= s.seed < 10_000 for s in scene.subjects)
        classes = [CLASSES.index(s.noun) for s in scene.subjects]
        place, action = PLACES.index(scene.place), ACTIONS.index(scene.action)
        assert not words.held_out(classes, action, place)
    placed = [c for c in told if c.place is not None]
    assert placed
    assert not any(words.held_out(c.classes, c.action, c.place or 0) for c in placed)


def test_batches_do_not_hang_on_how_they_are_made() -> None:
    def make(step: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng(step).random(3))

    alone, beside = Ahead(make, 6, 0), Ahead(make, 6, 2)
    for step in range(2, 6):  # a training that is taken up again
        expected = make(step)
        assert torch.equal(alone(step), expected)
        assert torch.equal(beside(step), expected)
    with pytest.raises(StopIteration):
        beside(6)


def test_motion_starts_from_stills() -> None:
    """Zeroscope's layers within a frame are Stable Diffusion's; motion modules change nothing."""
    torch.manual_seed(0)
    whole = denoiser.untrained().eval()
    still = train_motion.stable_diffusion(whole.unet).eval()
    network = train_motion.begin(still, whole.text_encoder).eval()
    noisy, t = torch.randn(2, 12, 3, 16, 16), torch.tensor([10, 800])
    text = torch.randn(2, 5, denoiser.TEXT_WIDTH)
    with torch.no_grad(), denoiser.single_frames(whole.unet):
        expected = whole.predict(noisy, t, text)
        assert torch.equal(still(noisy[:, :, 0], t, text).sample,
                           whole.predict(noisy[:, :, :1], t, text)[:, :, 0])  # fmt: skip
        assert torch.allclose(network.predict(noisy, t, text), expected, atol=1e-5)
    learns = [name for name, p in network.named_parameters() if p.requires_grad]
    assert learns
    assert all("motion_modules" in name for name in learns)
    assert len(learns) == sum("motion_modules" in name for name, _ in network.named_parameters())
    linear = np.cumprod(1 - np.linspace(SCHEDULE["beta_start"], SCHEDULE["beta_end"], 1000))
    assert np.allclose(network.noising.alphas_cumprod.numpy(), linear, rtol=1e-4)


@pytest.mark.parametrize("name", ["mini-zeroscope", "mini-animatediff", "mini-text2video-zero"])
def test_the_shipped_bases_are_what_the_table_says(name: str) -> None:
    model = load_base(locate([catalog.base(name)])[0])
    assert model.provenance.status == "embedded"
    assert sum(f.megabytes or 0 for f in catalog.base(name).files) < 15
    assert model.latent_shape(8, 64, 64) == (12, 8, 16, 16)


def test_one_stable_diffusion_is_the_zeroscope() -> None:
    zeroscope, still = (
        load_base(locate([catalog.base(name)])[0]).unet.state_dict()
        for name in ("mini-zeroscope", "mini-text2video-zero")
    )
    assert len(still) > 200
    assert all(torch.equal(value, zeroscope[name]) for name, value in still.items())


def test_the_shipped_base_draws_what_it_is_asked_for() -> None:
    """Stills of 30 of the held-out prompts; `mini.check` has all of them as videos."""
    model = load_base(locate([catalog.base("mini-zeroscope")])[0])
    pictures = check.made(model, words.HELD_OUT[:30], frames=1, steps=8)
    found = check.recognised(check.judge(), pictures).by_word
    assert found["place"] >= 0.9
    assert found["class"] >= 0.7
    assert found["action"] >= 0.7


@pytest.mark.parametrize(
    "changed", ["unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"]
)
def test_a_changed_base_is_not_the_shipped_one(changed: str, tmp_path: Path) -> None:
    """Neither its weights nor the noise schedule that they were trained on."""
    found = locate([catalog.base("mini-text2video-zero")])[0]
    shutil.copytree(found.folder, tmp_path / "copy")
    file = tmp_path / "copy" / changed
    content = file.read_bytes()
    file.write_bytes(
        content.replace(b"scaled_linear", b"linear")
        if file.suffix == ".json"
        else content[:-2] + b"\0\1"
    )
    assert file.read_bytes() != content
    model = load_base(locate([catalog.base("mini-text2video-zero")], tmp_path / "copy")[0])
    assert model.provenance.status == "unrecorded"
