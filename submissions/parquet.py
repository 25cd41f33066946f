"""The tables of a submission, and how a stranger's Parquet is read: limits first, data after.

Run as a program (`python -m customstudio.submissions.parquet`) it is the worker of `decoder`: a
process with hard limits on memory and time, whose death costs nothing.
"""

import io
import json
import resource
import struct
import sys
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

SCORES = pa.schema(
    [
        ("job", pa.string()),
        ("metric", pa.string()),
        ("subject", pa.string()),
        ("value", pa.float32()),
        ("reason", pa.string()),
    ]
)
VIDEOS = pa.schema(
    [
        ("job", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("frames", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("fps", pa.float64()),
    ]
)
TABLES = {"scores": SCORES, "videos": VIDEOS}
FOOTER_BYTES = 256 * 2**10
ROW_GROUPS = 16
CELL_BYTES = 256
TABLE_BYTES = 128 * 2**20
MEMORY_BYTES = 2**30
CPU_SECONDS = 8
_CODECS = ("UNCOMPRESSED", "SNAPPY", "ZSTD")
HEADER = struct.Struct("<II")


def write(table: pa.Table) -> bytes:
    """A table of a submission as Parquet: the same bytes for the same rows."""
    buffer = io.BytesIO()
    texts = [field.name for field in table.schema if field.type == pa.string()]
    numbers = [name for name in table.column_names if name == "value"]
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        compression_level=19,
        use_dictionary=texts,
        use_byte_stream_split=numbers,
    )
    return buffer.getvalue()


def read(data: bytes, schema: pa.Schema, fewest: int, most: int) -> pa.Table:
    """A table from a stranger's bytes; call it in the worker only.

    Raises:
        ValueError: not such a table, more or fewer rows, or out of any limit.
        MemoryError: it unpacks to more than the process may have.
    """
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise ValueError("not a Parquet file")
    if int.from_bytes(data[-8:-4], "little") > FOOTER_BYTES:
        raise ValueError(f"its footer is larger than {FOOTER_BYTES:,} bytes")
    file = pq.ParquetFile(
        pa.BufferReader(data),
        thrift_string_size_limit=FOOTER_BYTES,
        thrift_container_size_limit=10_000,
        pre_buffer=False,
    )
    _check_metadata(file.metadata, fewest, most)
    if not file.schema_arrow.remove_metadata().equals(schema):
        columns = ", ".join(f"{field.name} {field.type}" for field in schema)
        raise ValueError(f"its columns are not: {columns}")
    rows, size, batches = 0, 0, []
    for batch in file.iter_batches(batch_size=8192, use_threads=False):
        batch.validate(full=True)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > most or size > TABLE_BYTES:
            raise ValueError("it unpacks to more than it claims")
        _check_cells(batch)
        batches.append(batch)
    if rows != file.metadata.num_rows:
        raise ValueError("it holds another number of rows than it claims")
    return pa.Table.from_batches(batches, schema)


def _check_metadata(metadata: pq.FileMetaData, fewest: int, most: int) -> None:
    if not fewest <= metadata.num_rows <= most:
        wanted = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        raise ValueError(f"{metadata.num_rows:,} rows instead of {wanted}")
    if metadata.num_row_groups > ROW_GROUPS:
        raise ValueError(f"{metadata.num_row_groups:,} row groups; at most {ROW_GROUPS}")
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError("its row groups hold another number of rows than it claims")
    for group in groups:
        for index in range(group.num_columns):
            column = group.column(index)
            if column.compression not in _CODECS or column.file_path:
                raise ValueError(f"a column is packed in an unusual way: {column.compression}")
            if not 0 <= column.total_uncompressed_size <= TABLE_BYTES:
                raise ValueError("a column is larger than a table may be")


def _check_cells(batch: pa.RecordBatch) -> None:
    import pyarrow.compute as pc

    for column in batch.columns:
        if pa.types.is_string(column.type):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > CELL_BYTES:
                raise ValueError(f"a text of {longest:,} bytes; at most {CELL_BYTES}")


def _limit(memory: int) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]  # nobody may raise a limit that is lower already
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _allow_seconds(seconds: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    allowed = allowed if hard == resource.RLIM_INFINITY else min(allowed, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the source ends: a table as Arrow's stream, or what is wrong."""
    while head := source.read(HEADER.size):
        asked, size = HEADER.unpack(head)
        request = json.loads(source.read(asked))
        data = source.read(size)
        _allow_seconds(CPU_SECONDS)
        status, answer = 0, b""
        try:
            schema = TABLES[request["table"]]
            table = read(data, schema, request["fewest"], request["most"])
            stream = io.BytesIO()
            with pa.ipc.new_stream(stream, schema) as writer:
                writer.write_table(table)
            answer = stream.getvalue()
        except MemoryError:
            status, answer = 1, b"it unpacks to more memory than may be used"
        except Exception as error:  # whatever a damaged file makes pyarrow say
            status, answer = 1, str(error).encode("utf-8", "replace")[:2000]
        sink.write(HEADER.pack(status, len(answer)) + answer)
        sink.flush()


if __name__ == "__main__":
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _limit(MEMORY_BYTES)
    serve(sys.stdin.buffer, sys.stdout.buffer)
