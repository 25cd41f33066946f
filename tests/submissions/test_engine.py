"""A run of the engine itself, with toy networks on a part of the mini world, goes through the gate.

The other tests write their runs by hand; this one keeps those honest.
"""

from pathlib import Path

import customstudio
from customstudio.metrics import catalog
from customstudio.mini.rendering import Wanted, write_videos
from customstudio.submissions.build import build
from customstudio.submissions.decoder import Decoder
from customstudio.submissions.gate import check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from customstudio.suites.load import load_suite
from customstudio.suites.references import data_dir
from customstudio.suites.schema import Suite
from tests.submissions import factory

CHEAP = ("clip_t", "clip_i", "dino_i", "temporal_consistency", "face_similarity", "stitch_score")


def part_of_mini() -> Suite:
    """Two pairs of the mini world, one of them of persons, with a prompt each."""
    whole = load_suite("mini")
    persons = next(p for p in whole.pairs.values() if "person_" in p.id)
    others = next(p for p in whole.pairs.values() if "person_" not in p.id)
    used = {*persons.subjects, *others.subjects}
    fields = {name: getattr(whole, name) for name in Suite.model_fields}
    kinds = {persons.template_set, others.template_set}
    prompts = {kind: next(p for p in whole.prompts.values() if p.template_set == kind)
               for kind in sorted(kinds)}  # fmt: skip
    return Suite(
        **{
            **fields,
            "version": "test",
            "seeds": (0,),
            "pairs": {p.id: p for p in (persons, others)},
            "subjects": {i: s for i, s in whole.subjects.items() if i in used},
            "prompts": {p.id: p for p in prompts.values()},
        }
    )


def test_a_run_of_the_engine(tmp_path: Path, toy_weights: Path, decoder: Decoder) -> None:
    suite = part_of_mini()
    videos = tmp_path / "videos"
    write_videos(videos, [Wanted("Toy", job, "", 0.0) for job in suite.jobs])
    run = customstudio.evaluate(
        videos / "Toy",
        suite=suite,
        references=data_dir("mini") / "refs",
        protocol="toy-v0",
        metrics=list(CHEAP),
        weights_dir=toy_weights,
        out=tmp_path / "run",
        device="cpu",
        threads=1,
    )
    contents = build(run, factory.card(), owner=Key(b"k" * 32).public)
    toy = catalog.protocol("toy-v0")
    cheap = Rules(suites=(suite,), protocols={toy.id: toy.model_copy(update={"metrics": CHEAP})})
    checked = check(contents, rules=cheap, decoder=decoder)
    assert checked.verdict.findings == ()
    assert checked.verdict.section == "unofficial"
    assert checked.results is not None
    assert checked.results.overall == run.summary.methods[0].overall
    strict = check(contents, rules=Rules(suites=(suite,)), decoder=decoder).verdict
    assert any("metrics of protocol toy-v0 are missing" in f.what for f in strict.findings)


def test_a_run_of_the_embedded_networks(tmp_path: Path, decoder: Decoder) -> None:
    """All metrics of mini-v1, its flow among them, which is OpenCV's and has no file."""
    suite = part_of_mini()
    write_videos(tmp_path / "videos", [Wanted("Truth", job) for job in suite.jobs])
    run = customstudio.evaluate(
        tmp_path / "videos" / "Truth",
        suite=suite,
        references=data_dir("mini") / "refs",
        protocol="mini-v1",
        out=tmp_path / "run",
        device="cpu",
        threads=1,
    )
    contents = build(run, factory.card(), owner=Key(b"k" * 32).public)
    verdict = check(contents, rules=Rules(suites=(suite,)), decoder=decoder).verdict
    assert verdict.findings == ()
    assert verdict.section == "unofficial"
    assert any("embedded weights" in reason for reason in verdict.unofficial_because)
