"""What a generation lacks beside networks: packages, references, masks; found before it starts."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from customstudio.baselines.options import Options
from customstudio.errors import UserError, some
from customstudio.suites.schema import Reference, Suite

EXTRA = ("diffusers", "peft", "transformers")
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
                f"no reference images of {len(absent)} subjects: {some(absent, 6)}",
                where=f"suite {suite.name}",
                fix=f"customstudio data fetch {suite.name}, or --references DIR",
            )
        )
    if masks and bare:
        problems.append(
            UserError(
                f"masks are missing for {len(bare)} subjects: {some(bare, 6)}",
                where=f"suite {suite.name}; {references[bare[0]][0].path}",
                fix="put a mask for each reference beside them (masks/SUBJECT/NN.png next to "
                "refs/), or --masks segment, or --masks DIR, or turn off what needs them: "
                "--set remove_background=false --set alpha=0 (vcd: --set masked=false; "
                "wan_vace: --set remove_background=false --set crop=false; "
                "videomaker: --set highlight=false)",
            )
        )
    return problems


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
