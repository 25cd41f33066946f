"""Mutations of a good submission, drawn by hypothesis, and a plain check of what may be accepted.

The check shares no code with the gate: it says in twenty lines of plain Python what is a lie.
"""

import io
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from customstudio.submissions import parquet
from customstudio.submissions.contents import Contents, sealed
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.schema import ENV, FILES, MANIFEST, SCORES, SUBMISSION, VIDEOS
from customstudio.suites.schema import Suite
from tests.submissions.test_reading import HOSTILE

Draw = Callable[[st.SearchStrategy[Any]], Any]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(HOSTILE),
    st.text(max_size=30),
    st.just("0" * 64),
    st.just([]),
    st.just({}),
    st.just([[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]),
)
VALUES = st.one_of(
    st.none(),
    st.floats(width=32),
    st.floats(-1.5, 1.5, width=32),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1.00001, math.nan, math.inf, -math.inf]),
)
CELLS = st.one_of(st.none(), st.sampled_from(HOSTILE), st.text(max_size=20))


def attacked(draw: Draw, good: Contents, decoder: Decoder) -> Contents:
    """The submission after one to three attacks, its manifest mostly made true again.

    What one attack has damaged, the next reads in the worker: pyarrow may end its process.
    """
    files = {name: data for name, data in good.files.items() if name != MANIFEST}
    for _ in range(draw(st.integers(1, 3))):
        attack = draw(
            st.sampled_from([_bytes, _fields, _fields, _text, _rows, _rows, _swap, _shape])
        )
        attack(draw, files, decoder)
    contents = sealed(files)
    if draw(st.integers(0, 9)):
        return contents
    broken = dict(contents.files)
    name = draw(st.sampled_from(FILES))
    if draw(st.booleans()):
        del broken[name]
    else:
        broken[name] = damaged(draw, broken[name])
    return Contents(broken)


def damaged(draw: Draw, data: bytes) -> bytes:
    """Bytes cut, flipped, repeated or inserted."""
    if not data:
        return draw(st.binary(max_size=20))  # type: ignore[no-any-return]
    at = draw(st.integers(0, len(data) - 1))
    if draw(st.booleans()):  # headers and footers are where readers go wrong
        at = draw(st.sampled_from([at % 64, len(data) - 1 - at % min(len(data), 1500)])) % len(data)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at:]  # type: ignore[no-any-return]
    if kind == 2:
        return data[:at] + data[at + draw(st.integers(1, 64)) :]
    if kind == 3:
        return data[:at] + data[max(0, at - 40) : at] * draw(st.integers(1, 50)) + data[at:]
    flipped = bytes([data[at] ^ draw(st.integers(1, 255))])
    return data[:at] + flipped + data[at + 1 :]


def _bytes(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    name = draw(st.sampled_from([SUBMISSION, ENV, SCORES, SCORES, VIDEOS]))
    files[name] = damaged(draw, files[name])


def _fields(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    """Another leaf, a new or a missing key, anywhere in a JSON file."""
    name = draw(st.sampled_from([SUBMISSION, SUBMISSION, ENV]))
    try:
        document = json.loads(files[name])
        places = list(_places(document))
    except (ValueError, RecursionError):
        return
    if not places:
        return
    holder, key = draw(st.sampled_from(places))
    kind = draw(st.integers(0, 4))
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[draw(st.sampled_from([*HOSTILE, "status", "tier", "verified"]))] = draw(LEAVES)
    elif kind == 2 and isinstance(holder[key], int | float):
        holder[key] += draw(st.sampled_from([1, -1, 0.01, 1e-3, -0.5, 1e-15, 2**40]))
    elif kind == 3:
        other, elsewhere = draw(st.sampled_from(places))
        if isinstance(elsewhere, str) or elsewhere < len(other):
            holder[key] = other.get(elsewhere) if isinstance(other, dict) else other[elsewhere]
    else:
        holder[key] = draw(LEAVES)
    try:
        files[name] = json.dumps(document).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # it holds itself now
        return


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _text(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    """A key twice, constants that are no JSON, numbers in other forms."""
    name = draw(st.sampled_from([SUBMISSION, ENV]))
    old, new = draw(
        st.sampled_from(
            [
                (b'"mean":', b'"mean": 0.99, "mean":'),
                (b'"protocol":', b'"protocol": "x", "protocol":'),
                (b'"schema_version": 1', b'"schema_version": 1.0'),
                (b'"schema_version": 1', b'"schema_version": "1"'),
                (b'"python":', b'"pytho\\u006e": "3", "python":'),
                (b"null", b"NaN"),
                (b"null", b"1e999"),
                (b"true", b"1"),
                (b"{", b"{" * 5000),
                (b"}", b', "x": 1}'),
                (b'"', b"'"),
                (b"\n", b"\r\n"),
                (b" ", b"\xa0"),
                (b" ", b"\xc2\xa0"),
            ]
        )
    )
    files[name] = files[name].replace(old, new, draw(st.integers(1, 3)))


def _rows(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    """Other cells, fewer rows, rows twice."""
    name = draw(st.sampled_from([SCORES, SCORES, VIDEOS]))
    schema = parquet.SCORES if name == SCORES else parquet.VIDEOS
    rows = _read(decoder, name, files[name])
    if not rows:
        return
    row = draw(st.sampled_from(rows))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        rows.remove(row)
    elif kind == 1:
        rows.append(dict(row))
    else:
        column = draw(st.sampled_from(schema.names))
        is_text = pa.types.is_string(schema.field(column).type)
        row[column] = draw(CELLS if is_text else VALUES)
        if column == "value" and row["value"] is not None and draw(st.booleans()):
            row["reason"] = None
    _write(files, name, rows, schema)


def _swap(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    """Values of one metric in other places: each of them would be possible."""
    rows = _read(decoder, SCORES, files[SCORES])
    metric = draw(st.sampled_from(["clip_t", "dino_i", "stitch_score", "temporal_consistency"]))
    mine = [row for row in rows if row.get("metric") == metric and row.get("value") is not None]
    if len(mine) > 1:
        one, other = draw(st.sampled_from(mine)), draw(st.sampled_from(mine))
        one["value"], other["value"] = other["value"], one["value"]
        if draw(st.booleans()):
            one["value"] = min(1.0, one["value"] + draw(st.sampled_from([1e-4, 0.01, 0.2])))
        _write(files, SCORES, rows, parquet.SCORES)


def _shape(draw: Draw, files: dict[str, bytes], decoder: Decoder) -> None:
    """The same rows in another Parquet: codecs, row groups, columns, types."""
    name = draw(st.sampled_from([SCORES, VIDEOS]))
    schema = parquet.SCORES if name == SCORES else parquet.VIDEOS
    table = pa.Table.from_pylist(_read(decoder, name, files[name]), schema)
    kind = draw(st.integers(0, 4))
    if kind == 0 and table.num_rows:
        table = pa.concat_tables([table] * draw(st.sampled_from([2, 50])))
    elif kind == 1:
        table = table.drop_columns([draw(st.sampled_from(table.column_names))])
    elif kind == 2:
        table = table.select(table.column_names[::-1])
    elif kind == 3:
        index = draw(st.integers(0, table.num_columns - 1))
        column = table.column(index)
        wide = pa.large_string() if pa.types.is_string(column.type) else pa.float64()
        table = table.set_column(index, table.column_names[index], column.cast(wide))
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression=draw(st.sampled_from(["zstd", "snappy", "none", "gzip", "lz4"])),
        row_group_size=draw(st.sampled_from([1, 7, 1000])),
        use_dictionary=draw(st.booleans()),
        data_page_version=draw(st.sampled_from(["1.0", "2.0"])),
        store_schema=draw(st.booleans()),
    )
    files[name] = buffer.getvalue()


def _read(decoder: Decoder, name: str, data: bytes) -> list[dict[str, Any]]:
    """Rows of what is still whole; a damaged file is left to the gate."""
    try:
        rows = decoder.read("scores" if name == SCORES else "videos", data, 0, 10_000).to_pylist()
    except Refused:
        return []
    return rows  # type: ignore[no-any-return]


def _write(
    files: dict[str, bytes], name: str, rows: list[dict[str, Any]], schema: pa.Schema
) -> None:
    try:
        files[name] = parquet.write(pa.Table.from_pylist(rows, schema))
    except (pa.ArrowException, ValueError, OverflowError, TypeError, UnicodeError):
        return  # a value that no such table can hold


def _words(value: Any) -> Any:
    """Every text in a document, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in [*value, *(value.values() if isinstance(value, dict) else ())]:
            yield from _words(inner)


def lies(contents: Contents, suite: Suite, bounds: dict[str, tuple[float, float]]) -> list[str]:
    """What is untrue or dangerous in an accepted submission; nothing of the gate is used."""
    found = []
    document = json.loads(contents.files[SUBMISSION])
    words = "".join([*_words(document), *_words(json.loads(contents.files[ENV]))])
    found += [f"text {sign!a}" for sign in "<>`*$\u202e\u200b\\|=@" if sign in words]
    rows = pq.read_table(io.BytesIO(contents.files[SCORES])).to_pylist()
    table = {(r["job"], r["metric"], r["subject"]): r for r in rows}
    if len(table) != len(rows):
        found.append("rows twice")
    for row in rows:
        value = row["value"]
        if (value is None) == (row["reason"] is None):
            found.append("value and reason")
        if (
            value is not None
            and not bounds[row["metric"]][0] - 2e-5 <= value <= bounds[row["metric"]][1] + 2e-5
        ):
            found.append(f"value {value}")
    for key in bounds:
        pairs: dict[str, list[float]] = {}
        for job in suite.jobs:
            whole = table.get((job.id, key, None))
            if whole is None:
                found.append(f"no {key} of {job.id}")
            elif whole["value"] is not None:
                pairs.setdefault(job.pair, []).append(whole["value"])
        means = [math.fsum(values) / len(values) for values in pairs.values()]
        mean = math.fsum(means) / len(means) if means else None
        told = document["overall"][key]["mean"]
        same = mean == told if mean is None or told is None else abs(mean - told) < 1e-7
        if not same:
            found.append(f"{key}: {told} is told, {mean} is true")
    videos = pq.read_table(io.BytesIO(contents.files[VIDEOS])).to_pylist()
    if sorted(v["job"] for v in videos) != sorted(job.id for job in suite.jobs):
        found.append("videos")
    return found
