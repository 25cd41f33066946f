"""Reading a stranger's JSON or TOML: bounded in size and depth, no key twice, nothing converted."""

import json
import re
import tomllib
from collections import Counter
from typing import Any, TypeVar

from pydantic import ValidationError

from customstudio.records import Record
from customstudio.submissions.findings import Finding, shown

R = TypeVar("R", bound=Record)
MOST_BYTES = 512 * 2**10
DEEPEST = 12
# Possessive, and an open string ends with the text: linear time for any input.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def read_json(data: bytes, kind: type[R], place: str) -> tuple[R | None, list[Finding]]:
    """A record from JSON, or everything that is wrong with the text."""
    try:
        _check_json(data)
        return kind.model_validate_json(data, strict=True), []
    except ValidationError as error:
        return None, _field_findings(error, place)
    except (ValueError, RecursionError) as error:
        return None, [_unreadable(place, "JSON", error)]


def read_toml(data: bytes, kind: type[R], place: str) -> tuple[R | None, list[Finding]]:
    """A record from TOML, or everything that is wrong with the text."""
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        document = json.dumps(tomllib.loads(data.decode()), allow_nan=False)
        _check_json(document.encode())
        return kind.model_validate_json(document, strict=True), []
    except ValidationError as error:
        return None, _field_findings(error, place)
    except (ValueError, TypeError, RecursionError) as error:
        return None, [_unreadable(place, "TOML", error)]


def _check_json(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")
    json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(twice)} stands there twice")
    return document


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _field_findings(error: ValidationError, place: str) -> list[Finding]:
    found = []
    for one in error.errors(include_url=False, include_input=False)[:50]:
        field = ".".join(shown(part).strip("'") for part in one["loc"])
        found.append(
            Finding(
                place=f"{place}: {field or 'the whole file'}",
                what=shown(one["msg"].removeprefix("Value error, "), 200).strip("'\""),
                fix=_FIXES.get(one["type"], "put it right, and build the submission again"),
            )
        )
    return found


_FIXES = {
    "missing": "add the field",
    "extra_forbidden": "remove the field: only known ones are read",
}


def _unreadable(place: str, language: str, error: Exception) -> Finding:
    return Finding(
        place=place,
        what=f"cannot be read as {language}: {shown(error, 200)}",
        fix=f"write it as plain {language}, in UTF-8",
    )
