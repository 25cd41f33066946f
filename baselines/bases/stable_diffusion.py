"""The files of a Stable Diffusion model as diffusers publishes it; families are built on them."""

from customstudio.baselines.bases.spec import BaseFile

SIZES = "the architecture's parameters in single precision; the files themselves were not seen"


def files(*, unet: int, text: int) -> tuple[BaseFile, ...]:
    """Scheduler, tokenizer, text encoder, UNet and VAE.

    Args:
        unet: 10^6 bytes of its weights.
        text: of the text encoder's.
    """
    return (
        BaseFile(names=("scheduler/scheduler_config.json",)),
        BaseFile(names=("tokenizer/vocab.json", "tokenizer/tokenizer.json")),
        BaseFile(names=("tokenizer/merges.txt", "tokenizer/tokenizer.json")),
        BaseFile(names=("tokenizer/tokenizer_config.json",)),
        BaseFile(names=("text_encoder/config.json",)),
        _weights("text_encoder/model", text, "text_encoder/pytorch_model"),
        BaseFile(names=("unet/config.json",)),
        _weights("unet/diffusion_pytorch_model", unet),
        BaseFile(names=("vae/config.json",)),
        _weights("vae/diffusion_pytorch_model", 335),
    )


def include(files: tuple[BaseFile, ...], *outside: str) -> tuple[str, ...]:
    """The first name of each file: the repositories hold the same weights several times over.

    Args:
        outside: folders that are of another repository.
    """
    names = (file.names[0] for file in files)
    return tuple(name for name in names if name.partition("/")[0] not in outside)


def _weights(name: str, megabytes: int, older: str | None = None) -> BaseFile:
    names = (f"{name}.safetensors", f"{older or name}.bin")
    return BaseFile(names=names, megabytes=megabytes, weights=True)
