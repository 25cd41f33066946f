"""The bundle's tables: fixed columns and types, sorted rows, the same bytes for the same rows."""

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from customstudio.errors import UserError
from customstudio.evaluation.journal import ChunkResult
from customstudio.files import write_bytes

_TEXTS = pa.list_(pa.string())
SCORES = pa.schema(
    [
        ("method", pa.string()),
        ("job", pa.string()),
        ("metric", pa.string()),
        ("subject", pa.string()),
        ("value", pa.float32()),
        ("reason", pa.string()),
    ]
)
VIDEOS = pa.schema(
    [
        *((name, pa.string()) for name in ("method", "job", "pair", "prompt_id", "seed", "prompt")),
        ("subjects", _TEXTS),
        ("categories", _TEXTS),
        ("type", pa.string()),
        ("path", pa.string()),
        ("references", pa.list_(_TEXTS)),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("frames", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("fps", pa.float64()),
        ("reason", pa.string()),
    ]
)
CURVES = pa.schema(
    [
        ("method", pa.string()),
        ("job", pa.string()),
        ("metric", pa.string()),
        ("values", pa.list_(pa.float32())),
    ]
)


def write_tables(folder: Path, results: Iterable[ChunkResult], root: Path) -> None:
    """Write `scores.parquet`, `videos.parquet` and `curves.parquet` of finished chunks."""
    scores, videos, curves = [], [], []
    for result in results:
        scores += [vars(row) for row in result.scores]
        videos += [
            {k: v for k, v in vars(row).items() if k in VIDEOS.names} for row in result.videos
        ]
        curves += [dict(zip(CURVES.names, row, strict=True)) for row in result.curves]
    scores.sort(key=lambda r: (r["method"], r["job"], r["metric"], r["subject"] or ""))
    videos.sort(key=lambda r: (r["method"], r["job"]))
    curves.sort(key=lambda r: (r["method"], r["job"], r["metric"]))
    located = VIDEOS.with_metadata({"videos_root": str(root.resolve())})
    for name, rows, schema in (
        ("scores.parquet", scores, SCORES),
        ("videos.parquet", videos, located),
        ("curves.parquet", curves, CURVES),
    ):
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema), buffer, compression="zstd")
        write_bytes(folder / name, buffer.getvalue())


def read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """One of the bundle's tables as a pandas frame; errors as of `read_arrow`."""
    frame: pd.DataFrame = read_arrow(path, schema).to_pandas()
    return frame


def read_arrow(path: Path, schema: pa.Schema) -> pa.Table:
    """Read one of the bundle's tables.

    Raises:
        UserError: it is not there, not Parquet, or has other columns.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(
            f"cannot read a table of the run: {error}",
            where=str(path),
            fix="evaluate again, or give the folder of a finished run",
        ) from error
    if table.schema.names != schema.names or table.schema.types != schema.types:
        raise UserError(
            "a table of the run has other columns than this version writes",
            where=f"{path}: {', '.join(table.schema.names)}",
            fix="read it with the version that wrote it, or evaluate again",
        )
    return table


def videos_root(path: Path) -> Path | None:
    """The folder that the paths in `videos.parquet` start from, where it is recorded."""
    metadata = pq.read_schema(path).metadata or {}
    root = metadata.get(b"videos_root")
    return Path(root.decode()) if root else None
