"""Every listed method is declared in full; a file that is not listed is not forgotten."""

from inspect import signature
from pathlib import Path

import pytest

from customstudio.baselines import catalog
from customstudio.baselines.presets import PRESETS
from customstudio.errors import UserError

SHARED = {
    "adapters", "animated", "attention", "bottlenecks", "calibration", "card", "catalog", "collage",
    "examples", "face_prompts", "face_tracks", "fitting", "image_adapters", "image_encoder",
    "image_prompts", "mixing", "motion", "option_sets", "options", "parameters", "plugins",
    "presets", "prior", "reconstruction", "redrawing", "reference_frame", "sampling", "seeds",
    "spectral", "task", "tokens", "train_videomaker", "training", "trial", "tuned",
    "videomaker_weights", "visual",
}  # fmt: skip


def test_every_file_is_a_method_or_shared() -> None:
    folder = Path(catalog.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == SHARED | set(catalog.METHODS)


@pytest.mark.parametrize("name", catalog.METHODS)
def test_a_method_is_declared(name: str) -> None:
    module, card, defaults = catalog.method(name), catalog.card(name), catalog.defaults(name)
    assert card.id == name
    options = set(type(defaults).model_fields)
    assert set(card.settings) == options, "each option says where its default comes from"
    assert all(place.strip() for place in card.settings.values())
    assert {p.option for p in card.open_points} - {None} <= options
    assert card.base == "none" or catalog.base(card.base)
    assert list(signature(module.fit).parameters) == ["bases", "task", "options", "on_step"]
    assert list(signature(module.generate).parameters) == [
        "bases", "tuned", "task", "jobs", "options", "on_step",
    ]  # fmt: skip
    text = card.model_dump_json()
    assert card.kind == "floor" or "arXiv:" in card.paper
    assert "TODO" not in text


@pytest.mark.parametrize("name", catalog.BASES)
def test_a_base_is_declared(name: str) -> None:
    base = catalog.base(name)
    assert base.id == name
    assert base.licence
    if base.embedded:
        assert all(file.sha256 for file in base.files if file.weights)
    else:
        assert base.gigabytes > 1


@pytest.mark.parametrize("base", PRESETS)
def test_presets_are_of_methods_and_their_options(base: str) -> None:
    for name, values in PRESETS[base].items():
        catalog.require_fit(name, base)
        options = catalog.defaults(name, base)
        assert {key: getattr(options, key) for key in values} == values


@pytest.mark.parametrize(
    ("base", "guidance"),
    [
        ("animatediff", 7.5),
        ("animatediff-realistic-vision", 7.5),
        ("animatediff-v3-realistic-vision", 7.5),
        ("text2video-zero", 7.5),
        ("animatediff-sdxl", 5.0),
    ],
)
def test_guidance_is_the_familys_where_it_is_a_pipelines_default(
    base: str, guidance: float
) -> None:
    theirs = {"customcrafter": 12.0, "vcd": 7.5, "videomaker": 8.0}
    for name in catalog.METHODS:
        card = catalog.card(name)
        if card.only_on or card.base == "none" or catalog.base(card.base).takes != "text":
            continue
        found = catalog.defaults(name, base).model_dump()["guidance"]
        assert found == theirs.get(name, guidance), name
        if "default of diffusers' pipeline" in card.settings["guidance"]:
            assert name not in theirs


@pytest.mark.parametrize(
    ("own", "mini"),
    [
        ("zeroscope-576w", "mini-zeroscope"),
        ("animatediff", "mini-animatediff"),
        ("animatediff-realistic-vision", "mini-animatediff"),
        ("animatediff-v3-realistic-vision", "mini-animatediff"),
        ("text2video-zero", "mini-text2video-zero"),
        ("animatediff-sdxl", None),
        ("wan-vace-1.3b", None),
    ],
)
def test_a_mini_base_stands_for_those_of_its_classes(own: str, mini: str | None) -> None:
    assert catalog.twin(own) == mini
    assert mini is None or catalog.base(mini).loader == catalog.base(own).loader


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match="unknown method"):
        catalog.method("custom_video")
    with pytest.raises(UserError, match="unknown base"):
        catalog.base("zeroscope")
