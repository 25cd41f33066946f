"""The columns of an exported suite, as Hugging Face features."""

from datasets import Features, Image, List, Value

_TEXT, _INT, _BOOL = Value("string"), Value("int64"), Value("bool")
_TEXTS = List(Value("string"))

_COLUMNS = {
    "suite": {
        "name": _TEXT,
        "version": _TEXT,
        "title": _TEXT,
        "label": _TEXT,
        "source": _TEXT,
        "prompt_set": _TEXT,
        "prompt_sets": _TEXTS,
        "seeds": List(_INT),
        "video": {"frames": _INT, "fps": Value("float64"), "width": _INT, "height": _INT},
        "unpublished": _TEXTS,
        "digest": _TEXT,
    },
    "subjects": {
        "id": _TEXT,
        "class_noun": _TEXT,
        "prompt_noun": _TEXT,
        "category": _TEXT,
        "source_dataset": _TEXT,
        "source_path": _TEXT,
        "n_images": _INT,
        "n_images_status": _TEXT,
        "licence": _TEXT,
        "evidence": _TEXT,
    },
    "pairs": {
        "id": _TEXT,
        "subjects": _TEXTS,
        "type": _TEXT,
        "template_set": _TEXT,
        "same_noun": _BOOL,
        "evidence": _TEXT,
    },
    "prompts": {
        "id": _TEXT,
        "text": _TEXT,
        "template_set": _TEXT,
        "source": _TEXT,
        "problems": _TEXTS,
    },
    "jobs": {
        "id": _TEXT,
        "pair": _TEXT,
        "prompt_id": _TEXT,
        "seed": _INT,
        "prompt": _TEXT,
        "prompt_with_tokens": _TEXT,
        "subjects": _TEXTS,
    },
    "references": {
        "subject": _TEXT,
        "name": _TEXT,
        "image": Image(),
        "mask": Image(),
        "licence": _TEXT,
        "source": _TEXT,
    },
}


def features(name: str) -> Features:
    """The columns of one table.

    Raises:
        KeyError: there is no such table.
    """
    return Features(_COLUMNS[name])
