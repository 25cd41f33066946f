"""Real runs on a part of the embedded world: rendered, evaluated and submitted as anybody's are."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from customstudio.submissions.contents import Contents
from customstudio.submissions.gate import check
from customstudio.submissions.keys import Key
from customstudio.submissions.rules import Rules
from customstudio.submissions.schema import MethodCard, SuiteRef
from customstudio.submissions.store import Store
from customstudio.suites.load import load_suite
from customstudio.suites.schema import Suite

OWNER = Key(bytes([7]) * 32)
METHODS: Mapping[str, tuple[str, float]] = {
    "True scenes": ("", 0.0),
    "Blending": ("blend", 0.8),
    "Flicker": ("flicker", 0.5),
    "Newcomer": ("blur", 0.6),
}
"""Name -> fault and its severity; the last one comes by the browser."""


@cache
def small_world(pairs: int = 6) -> Suite:
    """A part of suite `mini`, as a suite of the same name and of its own digest."""
    whole = load_suite("mini")
    kept = dict(list(whole.pairs.items())[:pairs])
    kinds = {pair.template_set for pair in kept.values()}
    prompts = {
        prompt.id: prompt
        for kind in sorted(kinds)
        for prompt in [p for p in whole.prompts.values() if p.template_set == kind][:1]
    }
    used = {subject for pair in kept.values() for subject in pair.subjects}
    subjects = {name: one for name, one in whole.subjects.items() if name in used}
    return whole.model_copy(
        update={"version": "part", "seeds": (0,), "subjects": subjects, "pairs": kept,
                "prompts": prompts}
    )  # fmt: skip


def know_small_world() -> None:
    """Let every gate of this process know the part as a suite; for processes of tests."""
    usual = Rules.suite

    def suite(rules: Rules, wanted: SuiteRef) -> Suite | None:
        small = small_world()
        return small if wanted.digest == small.digest else usual(rules, wanted)

    Rules.suite = suite  # type: ignore[method-assign]


def open_store(root: Path) -> Store:
    """A store whose gate knows the part."""
    rules = Rules(suites=(small_world(),))
    return Store(root, gate=partial(check, rules=rules))


def videos(folder: Path, name: str) -> Path:
    """Render a method's videos."""
    from customstudio.media.video import write_video
    from customstudio.mini.faults import applies, faulty
    from customstudio.mini.rendering import scene_of
    from customstudio.mini.world import FPS, render

    fault, severity = METHODS[name]
    for job in small_world().jobs:
        path = folder / f"{job.id}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene = scene_of(job)
        wrong = fault and applies(scene, fault)
        frames = faulty(scene, fault, severity) if wrong else render(scene).frames
        write_video(path, frames, FPS)
    return folder


def submission(folder: Path, name: str) -> Contents:
    """Render, evaluate with the embedded networks, and make the submission."""
    from customstudio.evaluation.api import evaluate
    from customstudio.submissions.build import build
    from customstudio.suites.references import data_dir

    run = evaluate(
        videos(folder / name, name),
        suite=small_world(),
        references=data_dir("mini") / "refs",
        protocol="mini-v1",
        out=folder / f"run {name}",
        threads=1,
        workers=1,
    )
    card = MethodCard(
        name=name, tuning="none" if name == "Flicker" else "per pair", base_model="renderer",
        licence="Apache-2.0", open_weights=True, year=2026, authors=("A. Author",),
        about="Rendered for a test.",
    )  # fmt: skip
    return build(run, card, owner=OWNER.public)
