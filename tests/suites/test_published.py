"""The tables that come with the package."""

from collections import Counter
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.suites.check import check_suite, counts
from customstudio.suites.declaration import DATA
from customstudio.suites.load import EMBEDDED, SUITES, load_declaration, load_suite
from customstudio.suites.schema import Suite
from customstudio.suites.tables import SUBJECT_COLUMNS, read_csv

EACH = [(name, chosen) for name in SUITES for chosen in load_declaration(name).prompt_sets]


@pytest.fixture(scope="module")
def customstudio() -> Suite:
    return load_suite("customstudio")


def test_every_folder_is_a_suite() -> None:
    assert {path.name for path in DATA.iterdir() if path.is_dir()} == set(SUITES)


@pytest.mark.parametrize(("name", "prompt_set"), EACH)
def test_tables_are_sound(name: str, prompt_set: str) -> None:
    suite = load_suite(name, prompt_set=prompt_set)
    assert [str(problem) for problem in check_suite(suite, load_declaration(name))] == []
    assert suite.unpublished or name in EMBEDDED


def test_customstudio_counts(customstudio: Suite) -> None:
    assert counts(customstudio) == {
        "subjects": 63,
        "categories": 13,
        "pairs": 68,
        "types": 25,
        "prompts": 20,
        "jobs": 2720,
    }
    sizes = Counter(len(pair.subjects) for pair in customstudio.pairs.values())
    assert sizes == {2: 48, 3: 20}
    assert customstudio.label == "reconstruction r1"
    assert customstudio.seeds == (0, 1, 2, 3)
    assert customstudio.video is not None
    assert customstudio.video.model_dump() == {
        "frames": 24,
        "fps": 8.0,
        "width": 576,
        "height": 320,
    }


def test_customstudio_sources_and_categories(customstudio: Suite) -> None:
    datasets = Counter(s.source_dataset for s in customstudio.subjects.values())
    assert datasets == {"DreamBooth": 21, "CustomConcept101": 32, "Mix-of-Show": 10}
    assert len({(s.source_dataset, s.source_path) for s in customstudio.subjects.values()}) == 63
    categories = Counter(s.category for s in customstudio.subjects.values())
    assert categories["anime character"] == 5
    assert categories["pet"] == 8
    assert all(4 <= s.n_images <= 21 for s in customstudio.subjects.values() if s.n_images)


def test_customstudio_provenance(customstudio: Suite) -> None:
    attested = [p.id for p in customstudio.pairs.values() if "attested" in p.evidence]
    assert len(attested) == 9
    assert "pet_cat+pet_dog" in attested
    for pair in customstudio.pairs.values():
        assert "attested" in pair.evidence or "category row only" in pair.evidence
        assert pair.evidence.startswith("Table 4, row ")
    for row in read_csv(DATA / "customstudio" / "subjects.csv", SUBJECT_COLUMNS):
        assert row["evidence"].startswith(("attested", "category row only", "named in the paper"))
    assert sum(pair.same_noun for pair in customstudio.pairs.values()) == 9


def test_jobs_in_order_and_unique(customstudio: Suite) -> None:
    ids = [job.id for job in customstudio.jobs]
    assert len(set(ids)) == 2720
    assert ids[:2] == [
        "decor_woodenpot+plant_flower1/T2-01/0",
        "decor_woodenpot+plant_flower1/T2-01/1",
    ]
    job = next(job for job in customstudio.jobs if job.id == "pet_cat+pet_dog/T2-09/2")
    assert job.prompt == "a cat and a dog walking in the Times Square"
    assert job.prompt_with_tokens == "a <new1> cat and a <new2> dog walking in the Times Square"


def test_no_plain_prompt_holds_a_token_or_a_wrong_article(customstudio: Suite) -> None:
    for job in customstudio.jobs:
        assert "<" not in job.prompt
        assert "a anime" not in job.prompt
        assert all(f"<new{k}>" in job.prompt_with_tokens for k in range(1, len(job.subjects) + 1))


def test_flaws_of_table5_stay() -> None:
    prompts = load_suite("customstudio").prompts
    assert prompts["T2-05"].text == "a <c1> playing with <c2>"
    assert "walking their golden retriever, wearing" in prompts["T3-04"].text
    assert prompts["T2-09"].problems == ("'the Times Square'",)


def test_rule_of_the_repaired_set() -> None:
    suite = load_suite("customstudio", prompt_set="table5-repaired")
    assert len(suite.prompts) == 30
    for pair in suite.pairs.values():
        last = suite.subjects[pair.subjects[-1]].category
        expected = "T2R" if len(pair.subjects) == 2 else "T3SR" if last == "scene" else "T3NR"
        assert pair.template_set == expected
    assert len(suite.jobs) == 2720
    assert Counter(job.prompt_id for job in suite.jobs)["T3NR-01"] == 4 * 6


def test_digest_follows_the_tables_and_the_prompt_set(customstudio: Suite) -> None:
    assert load_suite("customstudio").digest == customstudio.digest
    assert load_suite("customstudio", prompt_set="table5-repaired").digest != customstudio.digest
    cat = customstudio.subjects["pet_cat"].model_copy(update={"prompt_noun": "tabby"})
    changed = customstudio.model_copy(
        update={"subjects": {**customstudio.subjects, "pet_cat": cat}}
    )
    assert Suite.model_validate(changed.model_dump()).digest != customstudio.digest


def test_check_finds_what_is_wrong(customstudio: Suite) -> None:
    cat = customstudio.subjects["pet_cat"].model_copy(update={"evidence": "", "category": "toy"})
    subjects = {**customstudio.subjects, "pet_cat": cat}
    damaged = Suite.model_validate({**customstudio.model_dump(), "subjects": subjects})
    found = [problem.what for problem in check_suite(damaged, load_declaration("customstudio"))]
    assert "pet_cat has no evidence" in found
    assert "pet_cat+pet_dog is not of type [pet, pet]" in found
    assert any(what.startswith("the digest is") for what in found)


@pytest.mark.parametrize("name", [n for n in SUITES if n not in ("customstudio", *EMBEDDED)])
def test_sister_suites_have_no_jobs_and_say_why(name: str) -> None:
    suite = load_suite(name)
    assert suite.jobs == ()
    assert suite.unpublished


def test_videomaker_human_on_own_folders(refs: Path) -> None:
    suite = load_suite("videomaker-human", references=refs)
    assert len(suite.jobs) == 2 * 25
    assert suite.jobs[0].prompt == "A person dressed in a crisp white button-up shirt."
    assert suite.jobs[0].prompt_with_tokens.startswith("A <new1> person dressed")
    assert suite.subjects["pet_cat"].category == "person"
    assert suite.digest != load_suite("videomaker-human").digest


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("customstudoi", "did you mean 'customstudio'?"),
        ("custom", "--references DIR --prompts FILE"),
        ("q", "known: customstudio"),
    ],
)
def test_unknown_suite(name: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        load_suite(name)
    assert fix in caught.value.fix


def test_unknown_prompt_set() -> None:
    with pytest.raises(UserError, match="unknown prompt set 'table5-repared'") as caught:
        load_suite("customstudio", prompt_set="table5-repared")
    assert caught.value.fix == "did you mean 'table5-repaired'?"
