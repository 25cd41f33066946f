"""Changes a submission and seals it again, so that the lie is behind a true manifest."""

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from customstudio.submissions import parquet
from customstudio.submissions.contents import Contents, sealed
from customstudio.submissions.schema import MANIFEST, SCORES, SUBMISSION


def resealed(contents: Contents, **files: bytes) -> Contents:
    """With other bytes in some files: `submission_json=b"..."`."""
    kept = {name: data for name, data in contents.files.items() if name != MANIFEST}
    named = {name.replace("_json", ".json").replace("_parquet", ".parquet"): data
             for name, data in files.items()}  # fmt: skip
    return sealed(kept | named)


def with_fields(contents: Contents, change: Callable[[dict[str, Any]], object]) -> Contents:
    """With other fields in `submission.json`."""
    document = json.loads(contents.files[SUBMISSION])
    change(document)
    return resealed(contents, submission_json=json.dumps(document).encode())


def with_rows(
    contents: Contents, change: Callable[[list[dict[str, Any]]], object], name: str = SCORES
) -> Contents:
    """With other rows in a table."""
    rows = pq.read_table(io.BytesIO(contents.files[name])).to_pylist()
    change(rows)
    schema = parquet.SCORES if name == SCORES else parquet.VIDEOS
    data = parquet.write(pa.Table.from_pylist(rows, schema))
    return resealed(contents, **{name.replace(".", "_"): data})
