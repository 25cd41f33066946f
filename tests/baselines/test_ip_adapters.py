"""IP-Adapters on AnimateDiff: diffusers' pipeline, attention in NumPy, FaceID's LoRA, faces."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from customstudio.baselines import catalog, image_prompts
from customstudio.baselines.bases.animatediff_model import AnimateDiff, ImagePrompt
from customstudio.baselines.bases.tiny_stable_diffusion import stable_diffusion, tiny_animatediff
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.image_adapters import (
    adapted,
    lora_of,
    read_adapter,
    spatial_layers,
    without_lora,
)
from customstudio.baselines.image_encoder import load_image_encoder
from customstudio.baselines.image_prompts import WITHOUT, image_prompt, regions
from customstudio.baselines.option_sets import ImagePromptOptions
from customstudio.baselines.options import override
from customstudio.baselines.sampling import noises
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.trial import base_state, drawn_task, try_method
from customstudio.baselines.tuned import Tuned
from customstudio.errors import UserError
from customstudio.weights.networks import manifest
from customstudio.weights.random_adapters import AdapterSize, random_adapter, shapes
from tests.baselines.conftest import jobs, off
from tests.baselines.image_networks import ADAPTERS, SIZE, located, mini_task, write_networks

CLIP = ("ip_adapter", "ip_adapter_plus")
METHODS = (*CLIP, "ip_adapter_faceid")
FAST = ("sampling_steps=2",)


@pytest.fixture(scope="module")
def model() -> AnimateDiff:
    """The tiny base: whatever changes it must put it back."""
    return tiny_animatediff()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_networks(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def people() -> Task:
    return mini_task("person_man1", "person_woman1")


def bases_of(model: VideoModel, weights: Path, method: str, *changes: str) -> tuple[Bases, Any]:
    """The tiny base with a method's networks, and its options."""
    mini = ("faces=mini-faces",) if method == "ip_adapter_faceid" else ()
    options = override(catalog.defaults(method), [*FAST, *mini, *changes])
    return Bases(model, networks=located(weights, *options.networks(None))), options


def nothing() -> None:
    """A progress that nobody watches."""


@pytest.mark.parametrize("name", CLIP)
def test_a_method_keeps_what_is_asked_of_it(
    name: str, model: AnimateDiff, weights: Path, tmp_path: Path
) -> None:
    """Deterministic, reloads bit for bit, leaves every tensor of the base and its layers alone."""
    processors = {n: type(p) for n, p in model.unet.attn_processors.items()}
    networks = located(weights, *catalog.defaults(name).networks(None))
    tuned = try_method(name, tmp_path, model, networks=networks)
    assert tuned == Tuned(images=tuned.images)
    shape = (2, 12) if name == "ip_adapter" else (2, 17, 16)
    assert {n: tuple(v.shape) for n, v in tuned.images.items()} == {
        "1": shape, "2": shape, WITHOUT: (1, *shape[1:]),
    }  # fmt: skip
    assert {n: type(p) for n, p in model.unet.attn_processors.items()} == processors
    assert model.unet.encoder_hid_proj is None
    assert model.unet.config.encoder_hid_dim_type is None
    assert model.image_prompt is None


def test_faceid_keeps_what_is_asked_of_it(
    model: AnimateDiff, weights: Path, people: Task, tmp_path: Path, monkeypatch: Any
) -> None:
    defaults = override(catalog.defaults("ip_adapter_faceid"), ["faces=mini-faces"])
    monkeypatch.setattr(catalog.method("ip_adapter_faceid"), "DEFAULTS", defaults)
    networks = located(weights, *defaults.networks(None))
    tuned = try_method("ip_adapter_faceid", tmp_path, model, task=people, networks=networks)
    lengths = torch.cat([tuned.images["1"], tuned.images["2"]]).norm(dim=1)
    assert tuned.images["1"].shape == (2, 128)
    assert torch.allclose(lengths, torch.ones(4))
    assert not tuned.images[WITHOUT].any()
    assert not any("base_layer" in name for name, _ in model.unet.named_modules())
    assert not any(p.requires_grad for p in model.unet.parameters())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_videos_are_those_of_diffusers_pipeline(
    name: str, model: AnimateDiff, weights: Path, people: Task
) -> None:
    """Two subjects, two regions, the same noise; FaceID without its LoRA, which it cannot load."""
    import diffusers

    bases, options = bases_of(model, weights, name)
    module = catalog.method(name)
    adapter = module.ADAPTER
    state = read_adapter(bases.networks[adapter])
    plain = {"image_proj": state["image_proj"], "ip_adapter": without_lora(state)}
    bases._loaded[adapter] = plain
    job = jobs(people, 1)[0]
    tuned = module.fit(bases, people, options, nothing)
    ours = module.generate(bases, tuned, people, [job], options, nothing)

    prompt, _ = image_prompt(tuned, people, [job], options)
    twin = tiny_animatediff()
    pipeline = diffusers.AnimateDiffPipeline(
        vae=twin.vae, text_encoder=twin.text_encoder, tokenizer=twin.tokenizer, unet=twin.unet,
        motion_adapter=None,
        scheduler=diffusers.DDIMScheduler.from_config(
            {**twin.schedule, "beta_schedule": "linear", "clip_sample": False}
        ),
    )  # fmt: skip
    pipeline.load_ip_adapter(plain, subfolder="", weight_name="", image_encoder_folder=None)
    pipeline.set_ip_adapter_scale([[options.scale] * 2])
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        [job.prompt], num_inference_steps=2, guidance_scale=7.5, num_frames=3, height=64, width=64,
        latents=noises(people, [job], twin.latent_shape(3, 64, 64), options),
        ip_adapter_image_embeds=[torch.cat([prompt.without, prompt.embeddings])],
        cross_attention_kwargs={"ip_adapter_masks": [prompt.regions]}, output_type="np",
    ).frames  # fmt: skip
    assert off(ours, theirs) <= 0.01


@pytest.mark.parametrize("what", ["image", "patches"])
def test_embeddings_are_those_of_diffusers_pipeline(
    what: str, model: AnimateDiff, weights: Path
) -> None:
    """Its `encode_image` of the same picture, and what it takes for none."""
    import diffusers
    from PIL import Image

    picture = np.random.default_rng(1).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    encoder = load_image_encoder(
        located(weights, "ip-adapter-image-encoder")["ip-adapter-image-encoder"], model.device
    )
    pipeline = diffusers.AnimateDiffPipeline(
        vae=model.vae, text_encoder=model.text_encoder, tokenizer=model.tokenizer, unet=model.unet,
        motion_adapter=None, scheduler=diffusers.DDIMScheduler(), image_encoder=encoder.network,
        feature_extractor=encoder._processor,
    )  # fmt: skip
    hidden = None if what == "image" else True
    theirs, none = pipeline.encode_image(Image.fromarray(picture), "cpu", 1, hidden)
    pixels = encoder.pixels([picture])
    embed = encoder.embed if what == "image" else encoder.patches
    assert torch.equal(embed(pixels), theirs)
    ours = torch.zeros_like(theirs) if what == "image" else embed(torch.zeros_like(pixels))
    assert torch.equal(ours, none)


def test_a_layer_is_decoupled_cross_attention(model: AnimateDiff, weights: Path) -> None:
    """Attention to the text plus lambda times that to each image inside its region, in NumPy."""
    state = read_adapter(located(weights, "ip-adapter-sd15")["ip-adapter-sd15"])
    rng = np.random.default_rng(3)
    query, text = (rng.normal(size=(1, n, d)).astype(np.float32) for n, d in ((16, 8), (77, 16)))
    tokens = rng.normal(size=(1, 2, 4, 16)).astype(np.float32)
    masks = np.zeros((1, 2, 64, 64), np.float32)
    masks[0, 0, :, :32], masks[0, 1, :, 32:] = 1, 1
    prompt = ImagePrompt(torch.zeros(1, 2, 12), torch.zeros(1, 2, 12), torch.from_numpy(masks))
    name = "down_blocks.0.attentions.1.transformer_blocks.0.attn2"  # the second pair of layers
    layer = model.unet.get_submodule(name)
    with adapted(model, state, prompt, [0.7, 0.3]), torch.no_grad():
        found = layer(
            torch.from_numpy(query), (torch.from_numpy(text), [torch.from_numpy(tokens)]),
            ip_adapter_masks=[prompt.regions],
        ).numpy()  # fmt: skip

    def weight(part: str) -> Any:
        return layer.get_submodule(part).weight.detach().numpy()

    def attend(key: Any, value: Any) -> Any:
        mixed = np.zeros((16, 8))
        for head in range(2):
            at = slice(4 * head, 4 * head + 4)
            scores = (query[0] @ weight("to_q").T)[:, at] @ key[:, at].T / 2.0
            soft = np.exp(scores - scores.max(1, keepdims=True))
            mixed[:, at] = soft / soft.sum(1, keepdims=True) @ value[:, at]
        return mixed

    total = attend(text[0] @ weight("to_k").T, text[0] @ weight("to_v").T)
    own_k, own_v = (state["ip_adapter"][f"3.to_{x}_ip.weight"].numpy() for x in "kv")
    for image, scale in ((0, 0.7), (1, 0.3)):
        # A map of 4 x 4: the left half is the first image's, the right half the second's.
        inside = np.tile(np.repeat([image == 0, image == 1], 2), 4)[:, None]
        given = tokens[0, image]
        total += scale * inside * attend(given @ own_k.T, given @ own_v.T)
    expected = total @ weight("to_out.0").T + layer.to_out[0].bias.detach().numpy()
    assert np.allclose(found[0], expected, atol=1e-5)


def test_faceids_lora_lands_on_stable_diffusions_layers(model: AnimateDiff, weights: Path) -> None:
    """Every projection of all 32 layers becomes W + up down; motion modules stay as they are."""
    state = read_adapter(located(weights, "ip-adapter-faceid-sd15")["ip-adapter-faceid-sd15"])
    theirs = list(stable_diffusion(model).attn_processors)
    assert spatial_layers(model.unet) == theirs
    assert len(theirs) == 32 < len(model.unet.attn_processors)
    assert len(lora_of(model.unet, state)) == 32 * 4 * 2
    before = base_state(model)
    prompt = ImagePrompt(torch.zeros(1, 1, 128), torch.zeros(1, 1, 128), torch.ones(1, 1, 64, 64))
    rng = torch.Generator().manual_seed(5)
    with adapted(model, state, prompt, [1.0]), torch.no_grad():
        for number, processor in enumerate(theirs):
            for part in ("to_q", "to_k", "to_v", "to_out"):
                place = f"{processor.removesuffix('.processor')}.{part}"
                layer = model.unet.get_submodule(f"{place}.0" if part == "to_out" else place)
                up, down = (
                    state["ip_adapter"][f"{number}.{part}_lora.{side}.weight"]
                    for side in ("up", "down")
                )
                x = torch.randn(3, down.shape[1], generator=rng)
                weight = layer.base_layer.weight + up @ down
                expected = torch.nn.functional.linear(x, weight, layer.base_layer.bias)
                assert torch.allclose(layer(x), expected, atol=1e-5), place
        wrapped = [n for n, _ in model.unet.named_modules() if n.endswith("base_layer")]
        assert len(wrapped) == 32 * 4
        assert not any("motion_modules" in name for name in wrapped)
    after = base_state(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.filterwarnings("ignore")
def test_diffusers_puts_that_lora_on_other_layers(weights: Path) -> None:
    """Why it is not left to the pipeline: once this fails, `lora_of` may be needed no more."""
    state = read_adapter(located(weights, "ip-adapter-faceid-sd15")["ip-adapter-faceid-sd15"])
    unet = tiny_animatediff().unet
    wrong = unet._load_ip_adapter_loras([state])[0]
    assert any("motion_modules" in name for name in wrong)


@pytest.mark.parametrize("name", METHODS)
def test_lambda_0_is_the_untuned_base(
    name: str, model: AnimateDiff, weights: Path, people: Task
) -> None:
    bases, options = bases_of(model, weights, name, "scale=0")
    module = catalog.method(name)
    bases._loaded[module.ADAPTER] = state = read_adapter(bases.networks[module.ADAPTER])
    for key in [key for key in state["ip_adapter"] if "_lora." in key]:
        del state["ip_adapter"][key]
    tuned = module.fit(bases, people, options, nothing)
    found = module.generate(bases, tuned, people, jobs(people), options, nothing)
    prompts = [job.prompt for job in jobs(people)]
    plain = image_prompts.sample(
        bases, Tuned(), people, jobs(people), prompts, options, solver="ddim"
    )
    assert np.array_equal(found, plain)
    shown = override(options, ["scale=1"])
    assert not np.array_equal(
        module.generate(bases, tuned, people, jobs(people), shown, nothing), plain
    )


def test_subjects_have_panels_in_order(people: Task) -> None:
    three = dataclasses.replace(people, subjects=(*people.subjects, people.subjects[0]))
    found = regions(three, ImagePromptOptions())
    assert found.shape == (3, 64, 64)
    assert torch.equal(found.sum(0), torch.ones(64, 64))
    assert [int(mask[0].sum()) for mask in found] == [21, 21, 22]
    assert found[1, 5].nonzero()[0] == 21
    everywhere = regions(three, ImagePromptOptions(regions="everywhere"))
    assert torch.equal(everywhere, torch.ones(3, 64, 64))
    alone = dataclasses.replace(people, subjects=people.subjects[:1])
    assert torch.equal(regions(alone, ImagePromptOptions()), torch.ones(1, 64, 64))


def test_one_image_is_the_jobs_and_all_are_their_mean(people: Task) -> None:
    tuned = Tuned(images={
        "1": torch.arange(8.0).reshape(8, 1), "2": torch.full((2, 1), 50.0),
        WITHOUT: torch.zeros(1, 1),
    })  # fmt: skip
    many = jobs(people, 20)
    prompt, scales = image_prompt(tuned, people, many, ImagePromptOptions())
    assert prompt.embeddings.shape == prompt.without.shape == (20, 2, 1)
    assert scales == [0.5, 0.5]
    assert len(set(prompt.embeddings[:, 0, 0].tolist())) > 3
    alone, _ = image_prompt(tuned, people, many[7:8], ImagePromptOptions())
    assert torch.equal(alone.embeddings[0], prompt.embeddings[7])
    every, shares = image_prompt(tuned, people, many[:1], ImagePromptOptions(images="all"))
    assert every.embeddings[0, :, 0].tolist() == [*range(8), 50, 50]
    assert shares == [0.5 / 8] * 8 + [0.25] * 2
    assert [int(mask[0, 0]) for mask in every.regions[0]] == [1] * 8 + [0] * 2
    assert torch.equal(prompt.rows(20), prompt.embeddings)
    assert torch.equal(prompt.rows(40)[20:], prompt.embeddings)
    with pytest.raises(ValueError, match="20 videos"):
        prompt.rows(10)


def test_a_subject_without_a_face(model: AnimateDiff, weights: Path) -> None:
    """An error that names all of them; or the text alone, as long as somebody has a face."""
    bases, options = bases_of(model, weights, "ip_adapter_faceid")
    module = catalog.method("ip_adapter_faceid")
    mixed = mini_task("person_woman1", "pet_cat1", "toy_robot")
    with pytest.raises(UserError) as caught:
        module.fit(bases, mixed, options, nothing)
    text = str(caught.value)
    assert "pet_cat1" in text
    assert "toy_robot" in text
    assert "person_woman1" not in text
    assert "without_face=text" in text
    lenient = override(options, ["without_face=text"])
    tuned = module.fit(bases, mixed, lenient, nothing)
    assert set(tuned.images) == {"1", WITHOUT}
    prompt, scales = image_prompt(tuned, mixed, jobs(mixed, 1), lenient)
    assert scales == [1.0]
    assert prompt.regions[0, 0, 0].nonzero().max() == 20
    assert module.generate(bases, tuned, mixed, jobs(mixed, 1), lenient, nothing).shape[0] == 1
    with pytest.raises(UserError, match="no face"):
        module.fit(bases, mini_task("pet_cat1", "pet_dog2"), lenient, nothing)


def test_framing_and_backgrounds(model: AnimateDiff, weights: Path, tmp_path: Path) -> None:
    task = drawn_task(tmp_path)
    fits = []
    for changes in ((), ("framing=whole",), ("remove_background=true",)):
        bases, options = bases_of(model, weights, "ip_adapter", *changes)
        assert options.needs_masks == (changes == ("remove_background=true",))
        fits.append(catalog.method("ip_adapter").fit(bases, task, options, nothing).images["1"])
    assert not any(torch.allclose(fits[a], fits[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_what_does_not_fit_is_refused(
    model: AnimateDiff, weights: Path, people: Task, tmp_path: Path
) -> None:
    wide = write_networks(tmp_path / "wide", dataclasses.replace(SIZE, text=24))
    for name in METHODS:
        bases, options = bases_of(model, wide, name)
        tuned = catalog.method(name).fit(bases, people, options, nothing)
        with pytest.raises(UserError, match="does not fit the base"):
            catalog.method(name).generate(bases, tuned, people, jobs(people, 1), options, nothing)
        assert model.unet.encoder_hid_proj is None
    bases, options = bases_of(model, weights, "ip_adapter")
    damaged = dataclasses.replace(
        bases.networks["ip-adapter-sd15"], files={"x": Path(__file__)}, sha256={}
    )
    with pytest.raises(UserError, match="not a checkpoint"):
        read_adapter(damaged)
    odd = mini_task("person_man1", "person_woman1", size=96)
    with pytest.raises(UserError, match="regions need sides that 64 divides"):
        catalog.method("ip_adapter").fit(bases, odd, options, nothing)


def test_another_base_is_refused(weights: Path, people: Task) -> None:
    from customstudio.baselines.bases.tiny import tiny

    bases, options = bases_of(tiny(), weights, "ip_adapter")
    with pytest.raises(UserError, match="AnimateDiff alone"):
        catalog.method("ip_adapter").fit(bases, people, options, nothing)


@pytest.mark.parametrize("name", ADAPTERS)
def test_parameters_count_at_full_size(name: str) -> None:
    """As the cards state them, and as the manifest's size of the file in half precision."""
    network = manifest()[name]
    found = shapes(network.architecture, AdapterSize())
    own = [v for part in found.values() for k, v in part.items() if "_lora." not in k]
    lora = [v for part in found.values() for k, v in part.items() if "_lora." in k]
    counts = [sum(int(np.prod(shape)) for shape in some) for some in (own, lora)]
    assert (
        counts
        == {
            "ip-adapter-sd15": [22_319_616, 0],
            "ip-adapter-plus-sd15": [49_087_488, 0],
            "ip-adapter-faceid-sd15": [22_844_928, 25_509_888],
        }[name]
    )
    assert network.files[0].megabytes == pytest.approx(2 * sum(counts) / 1e6, abs=0.06)
    method = next(m for m in METHODS if name == catalog.method(m).ADAPTER)
    for count in counts:
        assert not count or f"{count:,}" in catalog.card(method).trains


def test_the_encoders_size_is_the_architectures() -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16,
        patch_size=14, projection_dim=1024,
    )  # fmt: skip
    with torch.device("meta"):
        model = CLIPVisionModelWithProjection(config)
    megabytes = sum(4 * parameter.numel() for parameter in model.parameters()) / 1e6
    stated = manifest()["ip-adapter-image-encoder"].files[0].megabytes
    assert stated == pytest.approx(megabytes, abs=0.06)


def test_a_whole_generation(
    model: AnimateDiff, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that are missing are said with the rest, at once; those that are there, recorded."""
    from customstudio.baselines.bases.tiny_stable_diffusion import save_animatediff
    from customstudio.generation import runner
    from customstudio.generation.prepare import Request, prepare
    from customstudio.generation.records import Settings
    from customstudio.suites.load import load_suite
    from tests.generation.test_generate import Silent

    mini = load_suite("mini")
    assert mini.video is not None
    pair = next(p for p in mini.pairs.values() if p.subjects == ("person_man1", "person_man2"))
    prompt = next(p for p in mini.prompts.values() if p.template_set == "T2")
    suite = mini.model_copy(
        update={
            "pairs": {pair.id: pair}, "seeds": mini.seeds[:1], "prompts": {prompt.id: prompt},
            "video": mini.video.model_copy(update={"frames": 2}),
        }
    )  # fmt: skip
    save_animatediff(model, tmp_path / "base")
    request = Request(
        suite, "ip_adapter_faceid", tmp_path / "out", changes=(*FAST, "faces=mini-faces"),
        base="animatediff", base_folder=tmp_path / "base", device="cpu",
    )  # fmt: skip
    bare = dataclasses.replace(request, changes=(), base="text2video-zero", base_folder=None)
    with pytest.raises(UserError, match="ip_adapter_faceid does not work on text2video-zero"):
        prepare(bare)  # before files are asked for that would be of no use
    with pytest.raises(
        UserError, match="does not work on mini-animatediff, a small model"
    ) as caught:
        prepare(dataclasses.replace(bare, base=None))
    assert "fetch" not in str(caught.value)
    with pytest.raises(UserError) as caught:
        prepare(dataclasses.replace(bare, base="animatediff"))
    text = str(caught.value)
    for said in (
        "96.7 MB", "non-commercial",
        "det_10g.onnx", "weights fetch insightface-buffalo-l ip-adapter-faceid-sd15",
        "base weights are missing",
    ):  # fmt: skip
        assert said in text
    monkeypatch.setenv("CUSTOMSTUDIO_WEIGHTS", str(weights))
    prepared = prepare(request)
    progress = Silent()
    outcome = runner.run(prepared, progress)
    assert (outcome.made, outcome.failures) == (len(suite.jobs), [])
    assert progress.steps == progress.total
    written = Settings.model_validate_json((request.out / "generation.json").read_bytes())
    assert written == prepared.settings
    assert written.networks is not None
    assert {n: use.status for n, use in written.networks.items()} == {
        "mini-faces": "embedded", "ip-adapter-faceid-sd15": "random",
    }  # fmt: skip
    assert runner.run(prepare(request), Silent()).there == len(suite.jobs)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_full_size_checkpoint_fits_stable_diffusion(name: str, model: AnimateDiff) -> None:
    """In the published layout, name by name and shape by shape; the UNet is without values."""
    from diffusers import UNetMotionModel

    with torch.device("meta"):
        unet = UNetMotionModel(cross_attention_dim=768)
    whole = dataclasses.replace(model)
    whole.unet = unet
    state = random_adapter(manifest()[name].architecture, AdapterSize(), 0)
    floats = {part: {k: v.float() for k, v in own.items()} for part, own in state.items()}
    nothing_shown = torch.zeros(1, 1, 1)
    prompt = ImagePrompt(nothing_shown, nothing_shown, torch.ones(1, 1, 64, 64))
    with adapted(whole, floats, prompt, [1.0]):
        own = [p for p in unet.attn_processors.values() if hasattr(p, "to_k_ip")]
        assert len(own) == 16
        assert sum(p.numel() for layer in own for p in layer.parameters()) == 19_169_280
        wrapped = sum(n.endswith("base_layer") for n, _ in unet.named_modules())
        assert wrapped == (128 if "faceid" in name else 0)
    assert not any(hasattr(p, "to_k_ip") for p in unet.attn_processors.values())


def test_bfloat16_changes_rounding_alone(model: AnimateDiff, weights: Path, people: Task) -> None:
    made = []
    for autocast in (False, True):
        bases, options = bases_of(
            dataclasses.replace(model, autocast=autocast), weights, "ip_adapter_faceid"
        )
        options = override(options, ["sampling_steps=1"])
        module = catalog.method("ip_adapter_faceid")
        tuned = module.fit(bases, people, options, nothing)
        made.append(module.generate(bases, tuned, people, jobs(people, 1), options, nothing))
    assert 0 < np.abs(made[0].astype(int) - made[1]).mean() < 4


def test_a_lora_of_more_layers_is_refused(model: AnimateDiff, weights: Path) -> None:
    state = read_adapter(located(weights, "ip-adapter-faceid-sd15")["ip-adapter-faceid-sd15"])
    state["ip_adapter"]["32.to_q_lora.up.weight"] = torch.zeros(8, 2)
    prompt = ImagePrompt(torch.zeros(1, 1, 128), torch.zeros(1, 1, 128), torch.ones(1, 1, 64, 64))
    refused = pytest.raises(UserError, match="LoRA for layer 32, the base has 32")
    with refused, adapted(model, state, prompt, [1.0]):
        pytest.fail("it was put in")
    assert not any("base_layer" in name for name, _ in model.unet.named_modules())
