"""Methods of other packages, found by entry point; imported only when they are asked for.

A package offers a method by a line in its pyproject.toml, name = module:

    [project.entry-points."customstudio.methods"]
    my_method = "customstudio_my_method"
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from types import ModuleType

from customstudio.baselines.card import Card
from customstudio.baselines.options import Options
from customstudio.errors import UserError
from customstudio.files import sha256_file
from customstudio.records import Record

GROUP = "customstudio.methods"
FIT = ("bases", "task", "options", "on_step")
GENERATE = ("bases", "tuned", "task", "jobs", "options", "on_step")


class Origin(Record):
    """Which code of which package a plug-in is."""

    package: str
    version: str
    sha256: str
    """Of the file of its module; modules that this one imports are not in it."""


@dataclass(frozen=True)
class Plugins:
    """The methods that installed packages offer."""

    methods: dict[str, EntryPoint]
    clashes: dict[str, UserError]
    """Name -> why it is not the plug-in's: a built-in method or two packages have it."""


def find_plugins(reserved: Sequence[str]) -> Plugins:
    """All plug-ins; nothing of them is imported.

    Args:
        reserved: names of the built-in methods, which stay theirs.
    """
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        by_name.setdefault(entry.name, []).append(entry)
    clashes = {}
    for name, entries in by_name.items():
        packages = ", ".join(sorted(_package(entry) for entry in entries))
        if name in reserved:
            clashes[name] = UserError(
                f"{name!r} is a built-in method: a plug-in of that name is not used",
                where=f"entry point of {packages}",
                fix="give the plug-in's method another name, in its entry point and its card",
            )
        elif len(entries) > 1:
            clashes[name] = UserError(
                f"{len(entries)} packages offer a method {name!r}: none of them is used",
                where=packages,
                fix="uninstall all but one",
            )
    methods = {name: found[0] for name, found in by_name.items() if name not in clashes}
    return Plugins(dict(sorted(methods.items())), clashes)


def load_plugin(entry: EntryPoint, bases: Sequence[str]) -> ModuleType:
    """A plug-in's module.

    Raises:
        UserError: it cannot be imported, or is not what a method is.
    """
    try:
        module: ModuleType = entry.load()
    except (Exception, SystemExit) as error:  # whatever another's code does at import
        reason = (str(error).splitlines() or [""])[0]
        raise _broken(entry, f"cannot be imported: {type(error).__name__}: {reason}") from error
    flaws = undeclared(entry.name, module, bases)
    if flaws:
        raise _broken(entry, f"is not declared in full: {'; '.join(flaws)}")
    return module


def undeclared(name: str, module: ModuleType, bases: Sequence[str]) -> list[str]:
    """What a module lacks to be the method of a name."""
    if not isinstance(module, ModuleType):
        return ["the entry point must name a module, without `:OBJECT`"]
    card, defaults = getattr(module, "CARD", None), getattr(module, "DEFAULTS", None)
    if not isinstance(card, Card) or not isinstance(defaults, Options):
        return ["it needs CARD, a Card, and DEFAULTS, an Options"]
    flaws = []
    if card.id != name:
        flaws.append(f"the card's id is {card.id!r}")
    if card.base not in ("none", *bases):
        flaws.append(f"unknown base model {card.base!r}")
    differ = set(card.settings) ^ set(type(defaults).model_fields)
    if differ:
        flaws.append(f"options and the card's settings differ in {', '.join(sorted(differ))}")
    for function, expected in (("fit", FIT), ("generate", GENERATE)):
        found = getattr(module, function, None)
        if not callable(found) or tuple(signature(found).parameters) != expected:
            flaws.append(f"it needs {function}({', '.join(expected)})")
    return flaws


def origin_of(entry: EntryPoint, module: ModuleType) -> Origin:
    """What is recorded of a plug-in's code with its videos."""
    package, _, version = _package(entry).partition(" ")
    return Origin(package=package, version=version, sha256=sha256_file(Path(str(module.__file__))))


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"


def _broken(entry: EntryPoint, what: str) -> UserError:
    package = _package(entry)
    return UserError(
        f"the plug-in method {entry.name!r} {what}",
        where=f"{entry.value}, of {package}",
        fix=f"mend it, or pip uninstall {package.partition(' ')[0]}",
    )
