"""The columns of an exported suite, as Hugging Face features."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Features

Kind = str | dict[str, str]
"""A type of `datasets.Value`, `image`, a type in brackets for a list of it, or a record."""

_VIDEO = {"frames": "int64", "fps": "float64", "width": "int64", "height": "int64"}
_COLUMNS: dict[str, dict[str, Kind]] = {
    "suite": {
        **dict.fromkeys(("name", "version", "title", "label", "source", "prompt_set"), "string"),
        "prompt_sets": "[string]",
        "seeds": "[int64]",
        "video": _VIDEO,
        "unpublished": "[string]",
        "digest": "string",
    },
    "subjects": {
        **dict.fromkeys(("id", "class_noun", "prompt_noun", "category"), "string"),
        **dict.fromkeys(("source_dataset", "source_path"), "string"),
        "n_images": "int64",
        **dict.fromkeys(("n_images_status", "licence", "evidence"), "string"),
    },
    "pairs": {
        "id": "string",
        "subjects": "[string]",
        "type": "string",
        "template_set": "string",
        "same_noun": "bool",
        "evidence": "string",
    },
    "prompts": {
        **dict.fromkeys(("id", "text", "template_set", "source"), "string"),
        "problems": "[string]",
    },
    "jobs": {
        **dict.fromkeys(("id", "pair", "prompt_id"), "string"),
        "seed": "int64",
        **dict.fromkeys(("prompt", "prompt_with_tokens"), "string"),
        "subjects": "[string]",
    },
    "references": {
        **dict.fromkeys(("subject", "name"), "string"),
        **dict.fromkeys(("image", "mask"), "image"),
        **dict.fromkeys(("licence", "source"), "string"),
    },
}


def features(name: str) -> "Features":
    """The columns of one table.

    Raises:
        KeyError: there is no such table.
    """
    from datasets import Features

    return Features({column: _feature(kind) for column, kind in _COLUMNS[name].items()})


def _feature(kind: Kind) -> Any:
    from datasets import Image, List, Value

    if isinstance(kind, dict):
        return {name: Value(value) for name, value in kind.items()}
    if kind.startswith("["):
        return List(Value(kind.strip("[]")))
    return Image() if kind == "image" else Value(kind)
