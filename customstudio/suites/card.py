"""The README of an exported suite: what it is, under which licences, how to read it."""

from collections.abc import Mapping, Sequence

from customstudio.suites.schema import Reference, Suite

CONFIGS = ("references", "subjects", "pairs", "prompts", "jobs", "suite")


def card(suite: Suite, references: Mapping[str, Sequence[Reference]]) -> str:
    """Markdown with the header by which `datasets` finds the tables."""
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in CONFIGS)
    images = sum(len(found) for found in references.values())
    without = sum(not found for found in references.values())
    return f"""---
configs:
{configs}---
# {suite.title} ({suite.label})

Suite `{suite.name}`, version {suite.version}, prompt set `{suite.prompt_set}`,
digest `{suite.digest}`. Source: {suite.source}.

{len(suite.subjects)} subjects, {len(suite.pairs)} pairs, {len(suite.prompts)} prompts,
{len(suite.jobs)} videos to make; {images} reference images, {without} subjects without any.

```python
from datasets import load_dataset
references = load_dataset("path/to/this/folder", "references", split="train")
```

## What the source has not published
{_list(suite.unpublished)}
## Licences of the images
Each row of `references` and `subjects` carries its own. Do not upload images whose licence does
not allow it.

{_licences(suite, references)}"""


def _licences(suite: Suite, references: Mapping[str, Sequence[Reference]]) -> str:
    counts: dict[str, int] = {}
    for subject, images in references.items():
        row = suite.subjects[subject]
        name = f"{row.source_dataset or 'own images'}: {row.licence or 'not stated'}"
        counts[name] = counts.get(name, 0) + len(images)
    return _list([f"{name} ({count} images)" for name, count in counts.items() if count])


def _list(items: Sequence[str]) -> str:
    return "".join(f"- {item}\n" for item in items) or "- nothing\n"
