"""A package for a method of one's own: a method file with its card, a test, an entry point."""

import keyword
import re
from pathlib import Path

from customstudio.baselines import catalog
from customstudio.errors import UserError
from customstudio.files import write_text

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40


def write_skeleton(name: str, to: Path) -> Path:
    """Write a new package for a method into `to/NAME`; its folder.

    Raises:
        UserError: a name that cannot be used, or the folder is there already.
    """
    _check(name)
    folder = to / name
    if folder.exists():
        raise UserError(
            "there is something of that name already",
            where=str(folder),
            fix="choose another name, or another folder with --to",
        )
    facts = {
        "name": name,
        "module": f"customstudio_{name}",
        "package": f"customstudio-{name.replace('_', '-')}",
        "title": name.replace("_", " ").capitalize(),
    }
    files = {
        "pyproject.toml": "pyproject.toml.j2",
        f"{facts['module']}.py": "method.py.j2",
        f"tests/test_{name}.py": "test_method.py.j2",
    }
    for file, template in files.items():
        write_text(folder / file, _render(template, facts))
    return folder


def _check(name: str) -> None:
    where, fix = "methods new", "use lower-case letters, digits and single _, as in my_method"
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UserError(f"{name!r} cannot be the name of a method", where=where, fix=fix)
    if keyword.iskeyword(name):
        raise UserError(f"{name!r} is a word of Python's own", where=where, fix=fix)
    if name in catalog.names() or name in catalog.clashes():
        raise UserError(
            f"there is a method {name!r} already", where=where, fix="choose another name"
        )


def _render(template: str, facts: dict[str, str]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Nothing is escaped: this writes Python and TOML, from names that were checked.
    environment = Environment(
        loader=PackageLoader("customstudio.generation"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template).render(facts)
