"""What a method's settings become on another base model; names only, nothing heavy is loaded.

Methods whose guidance is the default of a pipeline of diffusers have that of the base's family: 7.5
on Stable Diffusion, 5 on SDXL; so has `dreamvideo`, whose 9 its authors' code has on another base.
Other papers' and their codes' stays: `customcrafter` 12, `vcd` 7.5, `videomaker` 8.

On a mini base the papers' settings are of networks a thousand times as large, on maps five times as
wide: their rates hardly move anything and level 3 has maps of 4 x 4. A preset is part of a run's
recorded options; a method keeps its name, since its base model is recorded beside it.
"""

from typing import Any

_SAMPLING: dict[str, Any] = {"sampling_steps": 8, "guidance": 4.0}
_FIT: dict[str, Any] = {
    **_SAMPLING,
    "steps": 120,
    "class_images": 16,
    "class_images_by": "class",
}
_GUIDED = (
    "untuned", "customvideo", "custom_diffusion", "dreambooth", "lora", "textual_inversion",
    "svdiff", "dreamvideo", "videodreamer", "disendiff_svd",
)  # fmt: skip
_STABLE_DIFFUSION: dict[str, dict[str, Any]] = {name: {"guidance": 7.5} for name in _GUIDED}

_MINI: dict[str, dict[str, Any]] = {
    "untuned": _SAMPLING,
    "customvideo": {**_FIT, "rate": 2e-4, "levels": (2,)},
    "custom_diffusion": {**_FIT, "rate": 1.5e-3},
    "dreambooth": {**_FIT, "rate": 2e-3},
    "lora": {**_FIT, "rate": 5e-4},
    "textual_inversion": {**_FIT, "rate": 3e-3},
    # LoRA's rate; not looked for, since a fit takes ten times as long.
    "customcrafter": {**_FIT, "rate": 5e-4, "early_steps": 2},
    "svdiff": {**_FIT, "rate": 1e-3},
    "dreamvideo": {
        **_FIT,
        "rate": 3e-3,
        "steps": 300,
        "adapter_rate": 5e-4,
        "adapter_steps": 150,
    },
    "vcd": {**_FIT, "rate": 1e-4},
    # Not looked for.
    "disendiff_svd": {**_FIT, "rate": 8e-4, "level": 2},
    # No image encoder goes with a mini base's text encoder; rates stand to one another as in the
    # paper.
    "videodreamer": {
        **_FIT,
        "rate": 2.5e-4,
        "rate_three": 5e-4,
        "text_rate": 5e-5,
        "visual": False,
    },
}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "mini-zeroscope": _MINI,
    "mini-animatediff": _MINI,
    "mini-text2video-zero": _MINI,
    "animatediff": _STABLE_DIFFUSION,
    "animatediff-realistic-vision": _STABLE_DIFFUSION,
    "animatediff-v3-realistic-vision": _STABLE_DIFFUSION,
    "animatediff-sdxl": {name: {"guidance": 5.0} for name in _GUIDED},
    "text2video-zero": _STABLE_DIFFUSION,
}
"""Base -> method -> options that differ from the method's own defaults."""

ABLATIONS = {
    "customvideo": (
        ("remove_background=false",),
        ("compose=single",),
        ("compose=both",),
        ("positive=false",),
        ("negative=false",),
        ("alpha=1",),
        ("alpha=0.01",),
        ("eta=-1e-5",),
        ("alpha=0",),
        ("layers=spatial",),
        ("train=qv",),
        *((f"levels={level}",) for level in (1, 2, 3, 4)),
        ("norm=sum",),
        ("heads=after",),
        ("mask_resize=area",),
        ("eta=0",),
        ("negative_area=others",),
        ("attend=token+noun",),
    ),
    "disendiff_svd": (("alpha=0",), ("bind=false",), ("separate=false",), ("strengthen=false",)),
    "vcd": (("noise_gamma=0",), ("noise_gamma=0.1",), ("noise_gamma=0.2",), ("masked=false",)),
    "videodreamer": (("data=separate",), ("data=mixed",), ("visual=false",), ("weak=0",)),
}
"""Method -> the variants of its paper's tables (CustomVideo: Table 2 and 3; VCD: Table 2;
VideoDreamer: its ablation of the losses), or without each part of its loss (DisenDiff); of
CustomVideo also the other choices where its paper is open."""

ONLY_WITH = {"videodreamer": {"weak": "visual"}}
"""Method -> option -> the option without which it does nothing: such a variant is not made."""
