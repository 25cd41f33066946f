"""What a generation lacks beside networks, and what it cannot make; found before it starts."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from customstudio.baselines.bases.spec import BaseSpec
from customstudio.baselines.options import Options
from customstudio.errors import UserError, some
from customstudio.suites.load import SUITES, load_declaration
from customstudio.suites.schema import Reference, Suite, VideoSpec

EXTRA = ("accelerate", "diffusers", "ftfy", "peft", "transformers")
"""Packages of the extra `generation`."""


def missing_packages(method: str) -> list[UserError]:
    """The packages of the extra `generation` that are not installed."""
    absent = [name for name in EXTRA if find_spec(name) is None]
    if not absent:
        return []
    return [
        UserError(
            f"packages are missing: {', '.join(absent)}",
            where=f"method {method}",
            fix="pip install 'customstudio[generation]'",
        )
    ]


def missing_references(
    suite: Suite,
    pairs: Sequence[str],
    references: Mapping[str, Sequence[Reference]],
    *,
    masks: bool,
) -> list[UserError]:
    """Subjects of pairs without reference images; if `masks`, those without a mask for each."""
    subjects = dict.fromkeys(name for pair in pairs for name in suite.pairs[pair].subjects)
    absent = [name for name in subjects if not references.get(name)]
    bare = [name for name in subjects if any(r.mask is None for r in references.get(name, ()))]
    problems = []
    if absent:
        problems.append(
            UserError(
                f"no reference images of {len(absent)} subjects: {', '.join(absent)}",
                where=f"suite {suite.name}",
                fix=f"customstudio data fetch {suite.name}{_sources(suite, absent)}, or "
                "--references DIR",
            )
        )
    if masks and bare:
        problems.append(
            UserError(
                f"masks are missing for {len(bare)} subjects: {some(bare, 6)}",
                where=f"suite {suite.name}; {references[bare[0]][0].path}",
                fix="put a mask for each reference beside them (masks/SUBJECT/NN.png next to "
                "refs/), or --masks segment, prompt or DIR, or turn off what needs them: "
                "--set remove_background=false --set alpha=0 (vcd: --set masked=false; "
                "wan_vace: --set remove_background=false --set crop=false; "
                "videomaker: --set highlight=false)",
            )
        )
    return problems


def _sources(suite: Suite, absent: Sequence[str]) -> str:
    """Where the images are published: sizes and licences."""
    if suite.name not in SUITES:
        return ""
    declared = load_declaration(suite.name)
    found = [declared.source_of(suite.subjects[name]) for name in absent]
    each = {one.id: f"{one.dataset}: {one.size}; {one.licence}" for one in found if one}
    return f" ({' | '.join(each.values())})" if each else ""


def too_many_subjects(suite: Suite, pairs: Sequence[str], options: Options) -> list[UserError]:
    """Pairs of more subjects than the method takes."""
    most = options.most_subjects
    beyond = [pair for pair in pairs if most and len(suite.pairs[pair].subjects) > most]
    if not beyond:
        return []
    return [
        UserError(
            f"{len(beyond)} pairs have more subjects than the method takes ({most}): "
            f"{some(beyond)}",
            where=f"suite {suite.name}",
            fix="name other pairs by --pairs, use a suite of single subjects, or see "
            "`customstudio methods show` for an option (videomaker: --set subjects=collage)",
        )
    ]


def too_large(base: BaseSpec, made: VideoSpec, options: Options) -> list[UserError]:
    """What of a video the base cannot make: its length, its sides."""
    frames, problems = made.frames + options.appended_frames, []
    if base.longest and frames > base.longest:
        problems.append(f"{frames} frames: {base.id} can take {base.longest}")
    if made.width % base.side or made.height % base.side:
        sides = f"{made.width}x{made.height}"
        problems.append(f"{sides}: both sides must be multiples of {base.side} on {base.id}")
    return [
        UserError(
            f"a video of {problem}",
            where="the suite's video",
            fix="use a base model that fits the suite (--base)",
        )
        for problem in problems
    ]
