"""Fetching a suite's images: from folders, from a server, resumed, recorded, verified."""

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from customstudio.errors import UserError
from customstudio.suites.archive import extract, members
from customstudio.suites.declaration import Declaration, Expected, Source
from customstudio.suites.fetch import fetch, is_whole
from customstudio.suites.inventory import RECORD, read_inventory, states, write_inventory
from customstudio.suites.load import load_declaration, load_suite
from customstudio.suites.references import find_references
from customstudio.suites.schema import Suite

Draw = Callable[..., bytes]


def declare(suite: Suite, *sources: Source) -> Declaration:
    nothing = Expected(subjects=0, categories=0, pairs=0, types=0, prompts={}, jobs={})
    shared = suite.model_dump(exclude={"subjects", "pairs", "prompts"})
    return Declaration(**shared, notes=(), expected=nothing, sources=sources)


def source(kind: str, url: str) -> Source:
    return Source.model_validate(
        {
            "id": "photos",
            "dataset": "Photos",
            "kind": kind,
            "home": "https://example.org",
            "url": url,
            "revision": "r7",
            "names": "{index:02d}.jpg",
            "size": "small",
            "licence": "CC0",
            "redistribution": "yes",
        }
    )


@pytest.fixture
def photos(tmp_path: Path, draw: Draw) -> dict[str, bytes]:
    """Four photos by the path that the source gives them."""
    return {
        f"dataset/{name}/{index:02d}.jpg": draw(tmp_path / "photo.jpg", seed=seed)
        for seed, (name, index) in enumerate((n, i) for n in ("cat", "duck") for i in (0, 1))
    }


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def every(folder: Path, suite: Suite) -> dict[str, str]:
    return dict(states(folder, suite.subjects, read_inventory(folder, suite.name)))


def test_copy_from_a_folder(refs: Path, suite: Suite, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    fetch(suite, declare(suite), folder, local=refs)
    assert every(folder, suite) == {
        "masks/pet_cat/00.png": "ok",
        "refs/pet_cat/00.jpg": "ok",
        "refs/pet_cat/01.png": "ok",
        "refs/toy_duck/00.jpg": "ok",
    }
    copied = folder / "refs" / "pet_cat" / "01.png"
    assert copied.read_bytes() == (refs / "pet_cat" / "01.png").read_bytes()
    found = find_references(suite, folder / "refs")
    assert found["pet_cat"][0].mask == folder / "masks" / "pet_cat" / "00.png"
    entry = read_inventory(folder, "toy").files["refs/pet_cat/01.png"]
    assert (entry.width, entry.height, entry.source) == (24, 16, "local folder")


def test_second_copy_writes_nothing_and_mends_what_changed(
    refs: Path, suite: Suite, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    fetch(suite, declare(suite), folder, local=refs)
    one, other = folder / "refs/pet_cat/00.jpg", folder / "refs/pet_cat/01.png"
    before = one.stat().st_mtime_ns
    other.write_bytes(b"spoiled")
    (folder / "refs/toy_duck/00.jpg").unlink()
    (folder / "refs/toy_duck/09.jpg").write_bytes(b"of somebody")
    assert [every(folder, suite)[f"refs/{name}"] for name in (
        "pet_cat/00.jpg", "pet_cat/01.png", "toy_duck/00.jpg", "toy_duck/09.jpg"
    )] == ["ok", "changed", "missing", "unrecorded"]  # fmt: skip
    fetch(suite, declare(suite), folder, local=refs)
    assert one.stat().st_mtime_ns == before
    assert every(folder, suite)["refs/pet_cat/01.png"] == "ok"
    assert every(folder, suite)["refs/toy_duck/00.jpg"] == "ok"


def test_layout_of_the_source(refs: Path, suite: Suite, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(refs / "pet_cat", clone / "dataset" / "cat")
    (clone / "dataset" / "cat" / "00.jpg").rename(clone / "dataset" / "cat" / "photo.JPG")
    fetch(suite, declare(suite), tmp_path / "data", local=clone, layout="source")
    assert sorted(every(tmp_path / "data", suite)) == [
        "refs/pet_cat/00.png",
        "refs/pet_cat/01.jpg",
    ]


def test_broken_images_are_all_listed_and_nothing_is_written(
    refs: Path, suite: Suite, tmp_path: Path
) -> None:
    (refs / "pet_cat" / "00.jpg").write_bytes(b"")
    (refs / "toy_duck" / "00.jpg").write_bytes(b"text")
    with pytest.raises(UserError) as caught:
        fetch(suite, declare(suite), tmp_path / "data", local=refs)
    assert "zero bytes" in str(caught.value)
    assert "not an image" in str(caught.value)
    assert not (tmp_path / "data" / "refs").exists()
    assert not (tmp_path / "data" / RECORD).exists()


@pytest.mark.parametrize("recorded", [True, False])
def test_images_of_two_origins_never_mix(
    refs: Path, suite: Suite, tmp_path: Path, draw: Draw, recorded: bool
) -> None:
    folder = tmp_path / "data"
    if recorded:
        fetch(suite, declare(suite), folder, local=refs)
        draw(refs / "pet_cat" / "00.jpg", seed=99)
    else:
        draw(folder / "refs" / "pet_cat" / "00.jpg", seed=99)
    before = (folder / "refs/pet_cat/00.jpg").read_bytes()
    with pytest.raises(UserError, match="another image of this name"):
        fetch(suite, declare(suite), folder, local=refs)
    assert (folder / "refs/pet_cat/00.jpg").read_bytes() == before


def test_nothing_to_copy(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        fetch(suite, declare(suite), tmp_path / "data", local=tmp_path / "no")
    with pytest.raises(UserError, match="none of the suite's subjects"):
        fetch(suite, declare(suite), tmp_path / "data", local=tmp_path)
    with pytest.raises(UserError, match="nothing to fetch"):
        fetch(load_suite("vcd"), load_declaration("vcd"), tmp_path / "data")


def test_single_files_from_a_server(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path
) -> None:
    declaration = declare(suite, source("files", web.url + "/{revision}/{folder}/{name}"))
    web.files = {f"/r7/{name}": data for name, data in photos.items()}
    missing = web.files.pop("/r7/dataset/duck/01.jpg")
    with pytest.raises(UserError, match="404"):
        fetch(suite, declaration, tmp_path)
    assert is_whole(tmp_path, "pet_cat", read_inventory(tmp_path, "toy"))
    web.files["/r7/dataset/duck/01.jpg"] = missing
    web.ranges.clear()
    inventory = fetch(suite, declaration, tmp_path)
    assert [path for path, _ in web.ranges] == ["/r7/dataset/duck/01.jpg"]
    assert set(every(tmp_path, suite).values()) == {"ok"}
    assert (tmp_path / "refs/toy_duck/01.jpg").read_bytes() == missing
    origin = inventory.files["refs/toy_duck/01.jpg"].origin
    assert origin == f"{web.url}/r7/dataset/duck/01.jpg"


def test_server_with_another_image_than_at_first(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path
) -> None:
    declaration = declare(suite, source("files", web.url + "/{folder}/{name}"))
    web.files = {f"/{name}": data for name, data in photos.items()}
    fetch(suite, declaration, tmp_path)
    (tmp_path / "refs/pet_cat/00.jpg").unlink()
    web.files["/dataset/cat/00.jpg"] = photos["dataset/duck/00.jpg"]
    with pytest.raises(UserError, match="not the expected file"):
        fetch(suite, declaration, tmp_path)
    assert every(tmp_path, suite)["refs/pet_cat/00.jpg"] == "missing"
    assert list((tmp_path / "downloads").iterdir()) == []


def test_server_with_a_broken_image(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path
) -> None:
    declaration = declare(suite, source("files", web.url + "/{folder}/{name}"))
    web.files = {f"/{name}": data for name, data in photos.items()}
    web.files["/dataset/cat/01.jpg"] = b"<html>please log in</html>"
    with pytest.raises(UserError, match="unreadable image: not an image"):
        fetch(suite, declaration, tmp_path)
    assert list(every(tmp_path, suite)) == ["refs/pet_cat/00.jpg"]


def test_zip_that_breaks_off(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("customstudio.suites.download.time.sleep", lambda seconds: None)
    declaration = declare(suite, source("zip", web.url + "/all.zip"))
    extra = {"dataset/unused/00.jpg": b"x", "dataset/cat/readme.txt": b"x"}
    web.files["/all.zip"] = zipped(photos | extra)
    web.cuts["/all.zip"] = [700, 300, 0, 0]
    with pytest.raises(UserError, match="failed 4 times"):
        fetch(suite, declaration, tmp_path)
    assert every(tmp_path, suite) == {}
    inventory = fetch(suite, declaration, tmp_path)
    assert web.ranges[-1] == ("/all.zip", "bytes=1000-")
    assert every(tmp_path, suite) == {
        f"refs/{subject}/{index:02d}.jpg": "ok"
        for subject in ("pet_cat", "toy_duck")
        for index in (0, 1)
    }
    assert (tmp_path / "refs/pet_cat/01.jpg").read_bytes() == photos["dataset/cat/01.jpg"]
    assert list(inventory.archives) == [f"{web.url}/all.zip"]
    assert list((tmp_path / "downloads").iterdir()) == []
    asked = len(web.ranges)
    fetch(suite, declaration, tmp_path)
    assert len(web.ranges) == asked


def test_zip_without_a_folder(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path
) -> None:
    declaration = declare(suite, source("zip", web.url + "/all.zip"))
    web.files["/all.zip"] = zipped({n: d for n, d in photos.items() if "cat" in n})
    with pytest.raises(UserError, match="no images of toy_duck"):
        fetch(suite, declaration, tmp_path)


def test_zip_that_climbs_out(tmp_path: Path) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as content:
        link = zipfile.ZipInfo("cat/link.jpg")
        link.external_attr = 0o120777 << 16
        content.writestr(link, "/etc/hosts")
        for name in ("cat/../../../up.jpg", "/cat/00.jpg", "cat/.hidden.jpg", "cat/10.jpg"):
            content.writestr(name, b"x")
        content.writestr("cat/2.jpg", b"two")
    assert members(archive, ["cat"]) == {"cat": ("cat/2.jpg", "cat/10.jpg")}
    extract(archive, "cat/2.jpg", tmp_path / "out" / "00.jpg")
    assert (tmp_path / "out" / "00.jpg").read_bytes() == b"two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip", "out"]


def test_damaged_zips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"not a zip")
    with pytest.raises(UserError, match="cannot be unpacked"):
        members(archive, ["cat"])
    content = bytearray(zipped({"cat/0.jpg": b"pixels" * 9}))
    content[40] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(UserError, match="cannot be unpacked"):
        extract(archive, "cat/0.jpg", tmp_path / "0.jpg")
    archive.write_bytes(zipped({"cat/0.jpg": b"pixels" * 9}))
    monkeypatch.setattr("customstudio.suites.archive.MEMBER_LIMIT", 10)
    with pytest.raises(UserError, match="an image of more than"):
        extract(archive, "cat/0.jpg", tmp_path / "0.jpg")
    assert not (tmp_path / "0.jpg").exists()


def test_what_a_person_put_there_is_recorded(suite: Suite, tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "refs" / "pet_cat" / "00.jpg")
    manual = declare(suite, source("manual", ""))
    assert fetch(suite, manual, tmp_path).files["refs/pet_cat/00.jpg"].source == "found in place"
    assert every(tmp_path, suite) == {"refs/pet_cat/00.jpg": "ok"}


def test_local_copies_are_not_completed_from_the_source(
    web: Any, photos: dict[str, bytes], suite: Suite, tmp_path: Path, refs: Path
) -> None:
    web.files = {f"/{name}": data for name, data in photos.items()}
    declaration = declare(suite, source("files", web.url + "/{folder}/{name}"))
    fetch(suite, declaration, tmp_path / "data", local=refs)
    fetch(suite, declaration, tmp_path / "data")
    assert web.ranges == []


def test_record_of_another_suite_or_damaged(suite: Suite, tmp_path: Path) -> None:
    write_inventory(tmp_path, read_inventory(tmp_path, "other"))
    with pytest.raises(UserError, match="data of suite 'other'"):
        read_inventory(tmp_path, "toy")
    (tmp_path / RECORD).write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        read_inventory(tmp_path, "toy")


def test_sources_of_customstudio() -> None:
    suite, declaration = load_suite("customstudio"), load_declaration("customstudio")
    kinds = {s.id: (s.kind, bool(s.revision)) for s in declaration.sources}
    assert kinds == {
        "dreambooth": ("files", True),
        "customconcept101": ("zip", True),
        "mix-of-show": ("manual", False),
    }
    for subject in suite.subjects.values():
        found = declaration.source_of(subject)
        assert found is not None
        assert found.kind != "files" or subject.n_images
    cat = suite.subjects["pet_cat"]
    url = declaration.sources[0].url_of(cat.source_path, "00.jpg")
    assert url.startswith("https://raw.githubusercontent.com/google/dreambooth/e9b8c013")
    assert url.endswith("/dataset/cat/00.jpg")
