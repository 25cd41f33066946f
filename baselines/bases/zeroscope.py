"""Zeroscope v2: ModelScope's text-to-video UNet, tuned for 576x320 (576w) and 1024x576 (XL).

XL has the same networks in shape and takes a video of the first as its start (video to video).
Both are diffusers folders; only `UNet3DConditionModel`, `AutoencoderKL`, transformers'
`CLIPTextModel` and a scheduler are used, none of the deprecated pipelines.
"""

from customstudio.baselines.bases.spec import BaseFile, BaseSpec
from customstudio.suites.schema import VideoSpec

# In half precision: 1,411.2 M (UNet), 340.4 M (CLIP-H text) and 83.7 M (VAE) parameters.
_FILES = (
    BaseFile(names=("scheduler/scheduler_config.json",)),
    BaseFile(names=("tokenizer/vocab.json", "tokenizer/tokenizer.json")),
    BaseFile(names=("tokenizer/merges.txt", "tokenizer/tokenizer.json")),
    BaseFile(names=("tokenizer/tokenizer_config.json",)),
    BaseFile(names=("text_encoder/config.json",)),
    BaseFile(
        names=("text_encoder/model.safetensors", "text_encoder/pytorch_model.bin"),
        megabytes=681,
        weights=True,
    ),
    BaseFile(names=("unet/config.json",)),
    BaseFile(
        names=(
            "unet/diffusion_pytorch_model.safetensors",
            "unet/diffusion_pytorch_model.bin",
        ),
        megabytes=2822,
        weights=True,
    ),
    BaseFile(names=("vae/config.json",)),
    BaseFile(
        names=("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.bin"),
        megabytes=167,
        weights=True,
    ),
)
_SIZES = "the architecture's parameters in half precision; the files themselves were not seen"
_LICENCE = "CC BY-NC 4.0 (the model's page): no commercial use"

SPECS = (
    # The revision is the one in the cache paths of public scripts; the hub was out of reach.
    BaseSpec(
        id="zeroscope-576w",
        title="Zeroscope v2 576w",
        repository="cerspense/zeroscope_v2_576w",
        revision="6963642a64dbefa93663d1ecebb4ceda2d9ecb28",
        licence=_LICENCE,
        source="cerspense; from ModelScopeT2V, Wang et al., arXiv:2308.06571",
        video=VideoSpec(frames=24, fps=8.0, width=576, height=320),
        files=_FILES,
        size_from=_SIZES,
        image_encoder="clip-vit-h14-laion2b",
    ),
    BaseSpec(
        id="zeroscope-xl",
        title="Zeroscope v2 XL",
        repository="cerspense/zeroscope_v2_XL",
        revision=None,
        licence=_LICENCE,
        source="cerspense; from ModelScopeT2V, Wang et al., arXiv:2308.06571",
        video=VideoSpec(frames=24, fps=8.0, width=1024, height=576),
        files=_FILES,
        size_from=_SIZES,
        image_encoder="clip-vit-h14-laion2b",
    ),
)
