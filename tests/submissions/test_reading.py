"""Texts, JSON, TOML, archives and Parquet of strangers."""

import io
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from customstudio.errors import UserError
from customstudio.submissions import parquet, texts
from customstudio.submissions.archive import pack, unpack
from customstudio.submissions.build import read_card
from customstudio.submissions.contents import Contents, read_folder
from customstudio.submissions.decoder import Decoder, Refused
from customstudio.submissions.documents import read_json
from customstudio.submissions.findings import shown
from customstudio.submissions.keys import owner_key, verify
from customstudio.submissions.schema import FILES, SCORES, Env, MethodCard
from tests.submissions import factory

BIDI, ZERO_WIDTH = "\u202e", "\u200b"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "javascript:alert(1)",
    "see www.evil.example",
    "https://evil.example",
    "**bold**",
    "`code`",
    "$\\alpha$",
    ":material/star:",
    ":red[hot]",
    "# heading",
    "- list",
    "1. list",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "two\nlines",
    f"abc{BIDI}def",
    f"abc{ZERO_WIDTH}def",
    "Сustom Video",
    "ｆｕｌｌｗｉｄｔｈ",
    "𝐛𝐨𝐥𝐝",
    "a\x00b",
    "a\ud800b",
    "../../etc/passwd",
    "/home/me/videos",
    "hf_" + "a" * 30,
    "ghp_" + "A1" * 18,
    "a  b",
    "ends ",
    "",
    "x" * 10_000,
    "{{ 7 * 7 }}",
    "a|b",
    "a@b.example",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [texts.name, texts.prose, texts.slug])
def test_hostile_texts(kind: Callable[[str], str], text: str) -> None:
    with pytest.raises(ValueError):
        kind(text)
    shown(text).encode("ascii")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "http://example.org/",
        "https://user:pass@example.org/",
        "https://example.org:8443/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://xn--80ak6aa92e.com/",
        "https://exаmple.org/",
        'https://example.org/"onmouseover="x',
        "https://example.org/a b",
        "https://example.org/<x>",
        "https://example.org/" + "a" * 300,
        "//example.org/",
        "data:text/html,x",
        "https://example.org/\n",
    ],
)
def test_hostile_links(address: str) -> None:
    with pytest.raises(ValueError):
        texts.link(address)


def test_plain_texts() -> None:
    assert texts.link("https://arxiv.org/abs/2401.09962?v=1#s2")
    assert texts.name("CustomVideo (ours) v1.2+LoRA")
    assert texts.prose("Björn Ångström; 2 × faster – at 50% of the cost!")
    assert texts.slug("pet_cat1") == "pet_cat1"


def test_skeletons() -> None:
    looks = texts.skeleton("Custom Video")
    for like in ("custom-video", "CustomVide0", "CUSTOM.VIDEO", "CustornVideo", "Cu5tom Video"):
        assert texts.skeleton(like) == looks
    assert texts.skeleton("Custom Video 2") != looks


def _env(extra: str = "") -> bytes:
    start = '{"customstudio": "0.1.0", "commit": null, "dirty": null, "python": "3.11.7", '
    end = '"platform": "Linux", "device_name": "CPU", "packages": {}'
    return (start + end + extra + "}").encode()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_env(', "python": "3.12"'), "'python' stands there twice"),
        (_env(', "host": "machine"'), "Extra inputs"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b"[" * 400_000, "nested deeper"),
        (b'"' + b'\\"' * 200_000, "cannot be read"),
        (b"{" + b",".join(b'"k%d": 1' % i for i in range(30_000)) + b', "k1": 2}', "twice"),
        (b"NaN", "not a number"),
        (b"Infinity", "not a number"),
        (b"1" * 10_000, "cannot be read"),
        (b" " * 600_000, "more than"),
        (b"\xff\xfe", "cannot be read"),
        (b"", "cannot be read"),
        (b"null", "the whole file"),
        (_env(', "pytho\\u006e": "3.12"'), "twice"),
        (_env().replace(b"3.11.7", b"\\ud800"), "Invalid JSON"),
        (_env().replace(b"Linux", b"/home/me"), "platform"),
        (_env().replace(b"{}", b'{"secrets": "1"}'), "packages"),
    ],
)
def test_hostile_json(data: bytes, expected: str) -> None:
    start = time.process_time()
    record, findings = read_json(data, Env, "env.json")
    assert time.process_time() - start < 2
    assert record is None
    assert expected in " ".join(f"{f.place} {f.what}" for f in findings)
    for finding in findings:
        str(finding.error()).encode("ascii")


def test_good_json() -> None:
    record, findings = read_json(_env(), Env, "env.json")
    assert isinstance(record, BaseModel)
    assert findings == []


def test_cards(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(factory.CARD)
    assert read_card(path) == factory.card()
    for text, expected in {
        "name = 1": "name",
        factory.CARD.replace("2026", "2026-01-01"): "cannot be read",
        factory.CARD.replace("2026", "nan"): "cannot be read",
        'name = "again"' + factory.CARD: "cannot be read",
        "x = " + "[" * 5000: "cannot be read",
        "not toml": "cannot be read",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError) as caught:
            read_card(path)
        assert expected in str(caught.value)
    with pytest.raises(UserError, match="No such file"):
        read_card(tmp_path / "none.toml")
    assert set(MethodCard.model_fields) >= {"name", "tuning", "base_model", "open_weights"}


def test_zip_comes_back(good: Contents) -> None:
    data = pack(good)
    assert data == pack(good)
    assert unpack(data).files == good.files


def _zip(names: list[str], data: bytes = b"x", **attributes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return buffer.getvalue()


def _overlapping(good: Contents) -> bytes:
    """All five entries of the directory point at the first file's bytes."""
    data = bytearray(pack(good))
    directory = struct.unpack("<I", data[-6:-2])[0]
    at = directory
    while data[at : at + 4] == b"PK\1\2":
        struct.pack_into("<I", data, at + 42, 0)
        name, extra, comment = struct.unpack_from("<3H", data, at + 28)
        at += 46 + name + extra + comment
    return bytes(data)


def _refused(data: bytes) -> bool:
    try:
        unpack(data)
    except UserError as error:
        return "not the zip of a submission" in error.what
    return False


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_archives(good: Contents) -> None:
    names = list(FILES)
    cases = {
        "slip": _zip([*names[:4], "../../evil"]),
        "absolute": _zip([*names[:4], "/etc/passwd"]),
        "twice": _zip([*names[:4], names[0]]),
        "NUL in a name": pack(good).replace(b"submission.json", b"submission.jso\0"),
        "many": _zip([*names, "more"]),
        "few": _zip(names[:4]),
        "link": _zip(names, external_attr=(stat.S_IFLNK | 0o777) << 16),
        "bomb": _zip(names, data=b"\0" * 9 * 2**20),
        "overlap": _overlapping(good),
        "comment": pack(good)[:-2] + b"\1\0x",
        "before": b"MZ" + pack(good),
        "after": pack(good) + b"x",
        "truncated": pack(good)[:-30],
        "huge": b"PK" + b"\0" * 2**24,
        "empty": b"",
        "no zip": b"x" * 100,
    }
    for name, data in cases.items():
        assert _refused(data), name


def test_sizes_that_lie(good: Contents) -> None:
    """The directory claims a small file; what unpacks is larger."""
    data = bytearray(pack(good))
    at = data.index(b"PK\1\2")
    size = struct.unpack_from("<I", data, at + 24)[0]
    struct.pack_into("<I", data, at + 24, size - 5)
    with pytest.raises(UserError):
        unpack(bytes(data))


def test_folders(tmp_path: Path, good: Contents) -> None:
    folder = tmp_path / "submission"
    folder.mkdir()
    for name, data in good.files.items():
        (folder / name).write_bytes(data)
    assert read_folder(folder).files == good.files
    (folder / "more.txt").write_text("x")
    with pytest.raises(UserError, match="other files"):
        read_folder(folder)
    (folder / "more.txt").unlink()
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)):
        (folder / SCORES).unlink()
        make(folder / SCORES)
        with pytest.raises(UserError):
            read_folder(folder)
        if make is os.mkdir:
            (folder / SCORES).rmdir()
            (folder / SCORES).touch()
    (folder / SCORES).unlink()
    (folder / SCORES).write_bytes(b"\0" * (9 * 2**20))
    with pytest.raises(UserError, match="larger than"):
        read_folder(folder)
    with pytest.raises(UserError, match="cannot read"):
        read_folder(tmp_path / "none")


def _bytes(table: pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **({"store_schema": False} | options))
    return buffer.getvalue()


def _scores(rows: int, text: str = "x") -> pa.Table:
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    value = pa.array(np.zeros(rows, np.float32))
    return pa.table({"job": one, "metric": one, "subject": one, "value": value, "reason": one})


def test_parquet_bombs(decoder: Decoder) -> None:
    good = _bytes(_scores(10))
    assert decoder.read("scores", good, 1, 10).num_rows == 10
    bombs = {
        "rows": (_bytes(_scores(5_000_000)), "rows instead of"),
        "dictionary": (_bytes(_scores(90_000, "x" * 1_000_000), compression="zstd"), "memory|text"),
        "long text": (_bytes(_scores(1, "x" * 10_000)), "a text of 10,000 bytes"),
        "groups": (_bytes(_scores(5_000), row_group_size=1), "row groups|footer"),
        "columns": (_bytes(_scores(10).drop_columns(["value"])), "its columns are not"),
        "codec": (_bytes(_scores(10), compression="brotli"), "unusual"),
        "names": (_bytes(_scores(10).rename_columns(list("abcde"))), "its columns are not"),
        "metadata": (
            _bytes(_scores(10).replace_schema_metadata({"k": "v" * 2**20}), store_schema=True),
            "footer|columns",
        ),
        "no Parquet": (b"PAR1" + b"\0" * 100 + b"PAR1", "cannot|Couldn't|Invalid|Thrift|took"),
        "empty": (b"", "not a Parquet file"),
    }
    for name, (data, expected) in bombs.items():
        with pytest.raises(Refused) as caught:
            decoder.read("scores", data, 1, 100_000)
        assert any(part in str(caught.value) for part in expected.split("|")), (name, caught.value)
    assert decoder.read("scores", good, 1, 10).num_rows == 10


def test_texts_that_are_not_unicode(decoder: Decoder) -> None:
    raw = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 0, 2)), pa.py_buffer(b"\xff\xfe")]
    )
    table = pa.table({n: raw if n != "value" else pa.array([0.5], pa.float32())
                      for n in parquet.SCORES.names})  # fmt: skip
    with pytest.raises(Refused, match="UTF"):
        decoder.read("scores", _bytes(table), 1, 1)


def test_worker_is_replaced(decoder: Decoder) -> None:
    good = _bytes(_scores(10))
    decoder.read("scores", good, 1, 10)
    assert decoder._worker is not None
    decoder._worker.kill()
    decoder._worker.wait()
    assert decoder.read("scores", good, 1, 10).num_rows == 10


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "owner.key"
    monkeypatch.setenv("CUSTOMSTUDIO_KEY", str(path))
    key = owner_key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert owner_key().public == key.public
    signature = key.sign(b"message")
    assert verify(key.public, signature, b"message")
    assert not verify(key.public, signature, b"another")
    assert not verify("00" * 32, signature, b"message")
    assert not verify("zz", "zz", b"message")
    path.chmod(0o644)
    with pytest.raises(UserError, match="others may read"):
        owner_key()
    path.chmod(0o600)
    path.write_text("damaged")
    with pytest.raises(UserError, match="damaged"):
        owner_key()
