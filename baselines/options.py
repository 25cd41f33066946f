"""Options of a method: a typed record; `--set alpha=0.01` changes one and names the variant."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from customstudio.errors import UserError, did_you_mean
from customstudio.records import Record
from customstudio.suites.schema import VideoSpec

if TYPE_CHECKING:
    from customstudio.baselines.bases.spec import BaseSpec

Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]


class Options(Record):
    """What a method can be told; the defaults are the paper's where it states them."""

    @property
    def needs_masks(self) -> bool:
        """Whether each reference must have a mask."""
        return False

    @property
    def most_subjects(self) -> int | None:
        """The most subjects that a pair may have; None: any number."""
        return None

    @property
    def of_persons(self) -> bool:
        """Whether each subject must be a person."""
        return False

    @property
    def second_base(self) -> str | None:
        """Another base model that takes up what the method makes on its own."""
        return None

    @property
    def needs_weights(self) -> tuple[str, ...]:
        """Weights beside the base's: ids of the method's `WEIGHTS`."""
        return ()

    def networks(self, base: "BaseSpec | None") -> tuple[str, ...]:
        """Networks of the weights' manifest that are needed beside the base model."""
        return ()

    @property
    def without_networks(self) -> str:
        """What to set to need none of them, in words; empty: they are always needed."""
        return ""

    @property
    def appended_frames(self) -> int:
        """Frames that the base is given beside a video's own."""
        return 0

    @property
    def enlargement(self) -> float:
        """Pixels of a frame that is written, over those of the suite's video."""
        return 1.0

    def native(self, video: VideoSpec, base: VideoSpec) -> VideoSpec:
        """What a base is asked for where a video is wanted: the same, unless a method says else.

        Args:
            base: what the base was trained to make.
        """
        return video

    def files(self, pair: str) -> dict[str, tuple[Path, ...]]:
        """Option -> the files that it names for a pair; their SHA-256 are recorded."""
        return {}

    def problems(
        self, base: "BaseSpec | None", video: VideoSpec, pairs: Mapping[str, Sequence[int]]
    ) -> list[UserError]:
        """What the base cannot do, and what is wrong with the files that options name.

        Args:
            pairs: how many references each of their subjects has.
        """
        return []


Some = TypeVar("Some", bound=Options)


def override(options: Some, changes: Sequence[str]) -> Some:
    """Options with some of them changed, each given as `name=value`.

    A list is written with `+`: `levels=2+3`.

    Raises:
        UserError: an unknown name, one given twice, or a value that does not fit.
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = (part.strip() for part in change.partition("="))
        if not equals or not text:
            raise _wrong(change, f"{change!r} is not of the form name=value", "--set alpha=0.01")
        if name not in type(options).model_fields:
            raise _wrong(
                change,
                f"unknown option {name!r}",
                did_you_mean(name, list(type(options).model_fields)),
            )
        if name in values:
            raise _wrong(change, f"option {name!r} is given twice", "give each option once")
        before = getattr(options, name)
        values[name] = _string(text) if isinstance(before, str) else _value(text, before)
    try:
        return type(options).model_validate({**options.model_dump(), **values})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else "the options"
        text = f"{name}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}"
        raise _wrong(
            f"{name}={values.get(name, '')}", text, "see `customstudio methods show`"
        ) from None


def variant(method: str, options: Options, defaults: Options | None = None) -> str:
    """The name of a method with these options: only what differs from the defaults is named.

    Args:
        defaults: those of the base model in use; None: the method's own.

    >>> class Ours(Options):
    ...     alpha: float = 0.2
    ...     levels: tuple[int, ...] = (3,)
    >>> variant("m", Ours()), variant("m", Ours(alpha=0.01, levels=(2, 3)))
    ('m', 'm[alpha=0.01,levels=2+3]')
    """
    own = defaults or type(options)()
    changed = [
        f"{name}={_text(getattr(options, name))}"
        for name in type(options).model_fields
        if getattr(options, name) != getattr(own, name)
    ]
    return f"{method}[{','.join(changed)}]" if changed else method


def _string(text: str) -> str:
    """A text as it is, or in quotes: `""` is an empty one."""
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else text


def _value(text: str, before: Any) -> Any:
    if isinstance(before, tuple):
        return [_value(part, None) for part in re.split(r"(?<![eE])\+", text)]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(_text(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrong(change: str, what: str, fix: str) -> UserError:
    return UserError(what, where=f"--set {change}", fix=fix)
