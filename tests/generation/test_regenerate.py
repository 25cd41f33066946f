"""Many methods on one suite: made, scored, compared; one that fails does not end the rest."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from customstudio.baselines import catalog
from customstudio.errors import UserError
from customstudio.evaluation.compare import compare, holm
from customstudio.generation.contact_sheet import write_sheet
from customstudio.generation.prepare import Request
from customstudio.generation.regenerate import (
    Row,
    against_floors,
    made_on,
    regenerate,
    requests,
    rows,
    with_floors,
)
from customstudio.generation.tables import differences, means
from customstudio.report.text import number
from customstudio.suites.load import load_suite
from customstudio.suites.references import find_references
from customstudio.suites.schema import Suite
from tests.baselines.conftest import _tiny, tiny_folder  # noqa: F401
from tests.generation.test_generate import Silent, request_of, suite, videos  # noqa: F401


def test_rows_are_the_catalogs_and_their_papers_ablations() -> None:
    everything = made_on(load_suite("customstudio"))
    assert [row.method for row in rows(everything, ablations=False)] == list(catalog.METHODS)
    embedded = made_on(load_suite("mini"))
    assert {"customvideo", "vcd", "videodreamer", "untuned", "static_reference"} <= set(embedded)
    further = {"disendiff_svd", "videomaker", "ip_adapter", "ip_adapter_faceid", "wan_vace"}
    assert not further & set(embedded)
    for name in embedded:
        base = catalog.card(name).base
        assert base == "none" or catalog.base(catalog.twin(base) or "").embedded
    names = [row.changes for row in rows(["customvideo"], ablations=True)]
    assert names[0] == ()
    assert ("negative=false",) in names
    with pytest.raises(UserError, match="unknown method"):
        rows(["nothing"], ablations=False)


def test_variants_that_change_nothing_are_not_made(tmp_path: Path) -> None:
    """On a mini base `visual=false` is the preset, beside which `weak` does nothing."""
    mini, wanted = load_suite("mini"), rows(["videodreamer"], ablations=True)
    common = Request(mini, "videodreamer", tmp_path)
    names = [name for name, _ in requests(common, wanted)]
    assert names == [
        "videodreamer", "videodreamer[data=separate]", "videodreamer[data=mixed]"
    ]  # fmt: skip
    full = [name for name, _ in requests(replace(common, base="animatediff"), wanted)]
    assert full == [*names, "videodreamer[visual=false]", "videodreamer[weak=0]"]
    everything = rows(catalog.METHODS, ablations=True)
    every = [name for name, _ in requests(common, everything)]
    assert len(every) == len(set(every)) == len(everything) - 2


def test_methods_are_made_scored_and_shown(
    request_of: Any,  # noqa: F811
    suite: Suite,  # noqa: F811
    tmp_path: Path,
) -> None:
    common = replace(request_of(batch=4), out=tmp_path)
    wanted = [Row("untuned"), Row("untuned", ("guidance=1",)), Row("customvideo", ("levels=1",))]
    floor, variant, failing = requests(common, wanted)
    static = next(requests(replace(common, changes=()), [Row("static_reference")]))
    broken = (failing[0], replace(failing[1], base="zeroscope-576w", base_folder=tmp_path))
    progress = Silent()
    named = [floor, variant, broken, static]

    def go() -> Any:
        return regenerate(named, tmp_path, protocol="mini-v1", generation=progress)

    found = go()
    assert list(found.runs) == [floor[0], variant[0], "static_reference"]
    assert "guidance=1" in variant[0]
    assert "base weights are missing" in found.failures[failing[0]]
    (difference,) = compare([found.runs[floor[0]].path, static[1].out.parents[1] / "runs" /
                             "static_reference"], ["temporal_consistency"])  # fmt: skip
    assert difference.difference is not None
    assert difference.difference > 0  # a still video against noise
    table = means(found.runs).splitlines()
    assert len(table) == 2 + len(found.runs)
    assert "| CLIP-T ↑ |" in table[0]
    assert number(found.runs[floor[0]].summary.methods[0].overall["clip_t"].mean) in table[2]
    line = differences([difference]).splitlines()[2]
    assert line.startswith(f"| `static_reference` − `{floor[0]}` | +{difference.difference:.4f}")
    assert found.floors == {variant[0]: floor[0], "static_reference": floor[0]}
    every = against_floors(found)
    assert {(one.first, one.second) for one in every} == {
        (floor[0], variant[0]),
        (floor[0], "static_reference"),
    }
    assert [one.p_corrected for one in every] == holm([one.p for one in every])
    for name, run in found.runs.items():
        made_with = [r for r in run.info.unofficial_because if "videos made with" in r]
        expected = "videos made with random values: mini-zeroscope"
        assert made_with == ([] if name == "static_reference" else [expected])
    before = videos(tmp_path)
    again = go()
    assert videos(tmp_path) == before
    assert list(again.runs) == list(found.runs)
    sheet, folders = tmp_path / "sheet.png", {name: r.out for name, r in (floor, static)}
    write_sheet(sheet, suite, suite.jobs[:2], find_references(suite, None), folders)
    picture = np.asarray(Image.open(sheet))
    assert picture.shape[1] > 2 * 3 * 96
    assert picture.std() > 20


def test_every_base_in_use_has_its_floor(request_of: Any) -> None:  # noqa: F811
    common = replace(request_of(), suite=load_suite("mini"), base=None, changes=())
    named = list(requests(common, [Row("untuned"), Row("lora"), Row("vcd")]))
    found = with_floors(common, named)
    assert [name for name, _ in found] == ["untuned", "lora", "vcd", "untuned@mini-animatediff"]
    assert found[-1][1].base_id == "mini-animatediff"
    assert with_floors(common, named[1:]) == named[1:]  # without a floor there is nothing to add
