"""A suite as a Hugging Face dataset, there and back."""

from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.suites.hub import export, load_exported, read_suite
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Suite


def test_round_trip(suite: Suite, refs: Path, tmp_path: Path) -> None:
    export(suite, tmp_path / "out", refs)
    loaded, references = load_exported(tmp_path / "out", unpack=tmp_path / "images")
    assert loaded == suite
    assert loaded.digest == suite.digest
    assert loaded.jobs == suite.jobs
    for subject in ("pet_cat", "toy_duck"):
        originals = sorted((refs / subject).iterdir())
        assert [r.path.name for r in references[subject]] == [p.name for p in originals]
        assert [r.path.read_bytes() for r in references[subject]] == [
            p.read_bytes() for p in originals
        ]
    mask = references["pet_cat"][0].mask
    assert mask is not None
    original = refs.parent / "masks" / "pet_cat" / "00.png"
    assert mask.read_bytes() == original.read_bytes()


def test_datasets_reads_it_offline(
    suite: Suite, refs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    export(suite, tmp_path / "out", refs)
    cache = str(tmp_path / "cache")
    table = datasets.load_dataset(
        str(tmp_path / "out"), "references", split="train", cache_dir=cache
    )
    assert isinstance(table.features["image"], datasets.Image)
    assert isinstance(table.features["mask"], datasets.Image)
    assert table[0]["image"].size == (24, 16)
    assert [row is not None for row in table["mask"]] == [True, False, False]
    raw = table.cast_column("image", datasets.Image(decode=False))
    assert raw[0]["image"]["bytes"] == (refs / "pet_cat" / "00.jpg").read_bytes()
    jobs = datasets.load_dataset(str(tmp_path / "out"), "jobs", split="train", cache_dir=cache)
    assert jobs["prompt"][0] == "a cat and an orange duck"


@pytest.mark.parametrize("prompt_set", ["table5", "table5-repaired"])
def test_customstudio_without_images(
    tmp_path: Path, prompt_set: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(tmp_path / "empty"))
    suite = load_suite("customstudio", prompt_set=prompt_set)
    export(suite, tmp_path / "out", None)
    assert load_suite(str(tmp_path / "out")) == suite
    assert load_exported(tmp_path / "out").references["pet_cat"] == ()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "reconstruction r1" in card
    assert suite.digest in card
    with pytest.raises(UserError, match="holds the prompt set"):
        read_suite(tmp_path / "out", prompt_set="another")


def test_suite_without_jobs_or_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMSTUDIO_DATA", str(tmp_path / "empty"))
    export(load_suite("vcd"), tmp_path / "out", None)
    assert read_suite(tmp_path / "out") == load_suite("vcd")


def test_refused(suite: Suite, refs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an empty folder"):
        export(suite, refs, refs)
    with pytest.raises(UserError, match="no exported suite here"):
        read_suite(tmp_path / "nowhere")
    (refs / "pet_cat" / "00.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="zero bytes"):
        export(suite, tmp_path / "out", refs)
    assert not (tmp_path / "out").exists()


def test_changed_tables_do_not_fit_their_digest(suite: Suite, refs: Path, tmp_path: Path) -> None:
    export(suite, tmp_path / "out", refs)
    other = Suite.model_validate({**suite.model_dump(), "prompts": {}})
    export(other, tmp_path / "other", refs)
    (tmp_path / "other" / "prompts.parquet").replace(tmp_path / "out" / "prompts.parquet")
    with pytest.raises(UserError, match="do not fit the digest"):
        read_suite(tmp_path / "out")
    (tmp_path / "out" / "suite.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UserError, match="cannot be read"):
        read_suite(tmp_path / "out")


def test_name_that_climbs_out(suite: Suite, refs: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    export(suite, tmp_path / "out", refs)
    path = tmp_path / "out" / "references.parquet"
    table = parquet.read_table(path)
    names = pa.array(["../../evil.jpg"] * len(table))
    parquet.write_table(table.set_column(1, "name", names), path)
    with pytest.raises(UserError, match="cannot be an id"):
        load_exported(tmp_path / "out")
    assert not list(tmp_path.rglob("evil.jpg"))
