"""The catalog of methods and base models: names only, nothing heavy is loaded."""

from importlib import import_module
from types import ModuleType

from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.card import Card
from customstudio.baselines.options import Options
from customstudio.baselines.plugins import Origin, find_plugins, load_plugin, origin_of
from customstudio.baselines.presets import PRESETS
from customstudio.errors import UserError, did_you_mean, some

METHODS = (
    "customvideo",
    "dreambooth",
    "custom_diffusion",
    "textual_inversion",
    "lora",
    "customcrafter",
    "svdiff",
    "dreamvideo",
    "vcd",
    "videodreamer",
    "disendiff_svd",
    "videomaker",
    "ip_adapter",
    "ip_adapter_plus",
    "ip_adapter_faceid",
    "wan_vace",
    "untuned",
    "static_reference",
)
"""A method is the module of its name: `CARD`, `DEFAULTS`, and `fit` and `generate`. These are the
built-in ones; packages may offer more (`baselines.plugins`)."""

_BASES = {
    "zeroscope-576w": "customstudio.baselines.bases.zeroscope",
    "zeroscope-xl": "customstudio.baselines.bases.zeroscope",
    "animatediff": "customstudio.baselines.bases.animatediff",
    "animatediff-realistic-vision": "customstudio.baselines.bases.animatediff",
    "animatediff-v3-realistic-vision": "customstudio.baselines.bases.animatediff",
    "animatediff-sdxl": "customstudio.baselines.bases.animatediff_xl",
    "text2video-zero": "customstudio.baselines.bases.text2video_zero",
    "svd-xt": "customstudio.baselines.bases.svd",
    "wan-vace-1.3b": "customstudio.baselines.bases.wan_vace",
    "wan-vace-14b": "customstudio.baselines.bases.wan_vace",
    "mini-zeroscope": "customstudio.baselines.bases.mini.specs",
    "mini-animatediff": "customstudio.baselines.bases.mini.specs",
    "mini-text2video-zero": "customstudio.baselines.bases.mini.specs",
}
BASES = tuple(_BASES)


def names() -> tuple[str, ...]:
    """All methods: the built-in ones, and plug-ins, which are not imported for this."""
    return (*METHODS, *find_plugins(METHODS).methods)


def clashes() -> dict[str, UserError]:
    """Names that packages wanted and did not get, and why."""
    return find_plugins(METHODS).clashes


def method(name: str) -> ModuleType:
    """A method's module; a built-in name is never a plug-in's.

    Raises:
        UserError: there is none of that name, or it is a plug-in that does not work.
    """
    if name in METHODS:
        return import_module(f"customstudio.baselines.{name}")
    plugins = find_plugins(METHODS)
    if name in plugins.methods:
        return load_plugin(plugins.methods[name], BASES)
    if name in plugins.clashes:
        raise plugins.clashes[name]
    raise UserError(
        f"unknown method {name!r}",
        where="the name of the method",
        fix=did_you_mean(name, (*METHODS, *plugins.methods)),
    )


def origin(name: str) -> Origin | None:
    """The code of a plug-in; None for a built-in method.

    Raises:
        UserError: as `method`.
    """
    if name in METHODS:
        return None
    module = method(name)
    return origin_of(find_plugins(METHODS).methods[name], module)


def card(name: str) -> Card:
    """A method's card.

    Raises:
        UserError: there is no such method.
    """
    declared: Card = method(name).CARD
    return declared


def defaults(name: str, base: str | None = None) -> Options:
    """A method's options with their defaults, those of an embedded base where it has a preset.

    Raises:
        UserError: there is no such method.
    """
    options: Options = method(name).DEFAULTS
    preset = PRESETS.get(base or "", {}).get(name, {})
    return type(options).model_validate({**options.model_dump(), **preset})


def own_weights(name: str, options: Options) -> tuple[BaseSpec, ...]:
    """The weights that a method needs beside its base's, of its module's `WEIGHTS`.

    Raises:
        UserError: there is no such method.
    """
    declared: tuple[BaseSpec, ...] = getattr(method(name), "WEIGHTS", ())
    return tuple(spec for spec in declared if spec.id in options.needs_weights)


def twin(name: str) -> str | None:
    """The embedded base model of the same classes as another."""
    specs = [base(known) for known in BASES]
    return next((spec.id for spec in specs if name in spec.twin_of), None)


def base(name: str) -> BaseSpec:
    """A base model as published.

    Raises:
        UserError: there is none of that name.
    """
    if name not in _BASES:
        raise UserError(
            f"unknown base model {name!r}", where="--base", fix=did_you_mean(name, BASES)
        )
    specs: tuple[BaseSpec, ...] = import_module(_BASES[name]).SPECS
    return next(spec for spec in specs if spec.id == name)


def require_fit(name: str, used: str) -> None:
    """Check that a method can use a base model.

    Raises:
        UserError: it takes something else than the method's own base does, or is none of those that
            the method works on.
    """
    own, spec = card(name).base, base(used) if used != "none" else None
    if own == "none" or spec is None:
        return
    wanted, only = base(own).takes, card(name).only_on
    if spec.takes == "picture":
        raise UserError(
            f"{used} makes videos of a picture, not of a text: no method can be fitted on it",
            where="--base",
            fix="name another base model: see `customstudio methods list`",
        )
    if spec.takes != wanted:
        alike = [known for known in BASES if base(known).takes == wanted]
        raise UserError(
            f"method {name} cannot use base {used}: it takes {spec.takes}, not {wanted}",
            where="--base",
            fix=f"leave it out, or one of: {some(alike, 12)}",
        )
    if only and used not in only:
        small = ", a small model: what the method comes with is as wide as the large ones"
        raise UserError(
            f"{name} does not work on {used}{small if spec.embedded else ''}",
            where="suite mini, or --base" if spec.embedded else f"--base {used}",
            fix=f"use one of {', '.join(only)} (--base)",
        )
