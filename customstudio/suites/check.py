"""Is a suite what it says it is? Counts, types, provenance, templates, digest."""

from collections.abc import Iterator

from customstudio.errors import UserError
from customstudio.suites.declaration import Declaration
from customstudio.suites.prompts import placeholders
from customstudio.suites.schema import Pair, Suite


def check_suite(suite: Suite, declaration: Declaration) -> list[UserError]:
    """Everything that is wrong with a suite's tables; an empty list if nothing is."""
    findings = [
        *_counts(suite, declaration),
        *_provenance(suite),
        *(finding for pair in suite.pairs.values() for finding in _pair(suite, pair)),
        *_digest(suite, declaration),
    ]
    return [
        UserError(
            what,
            where=f"suite {suite.name} {suite.version} ({suite.label}), {where}",
            fix="mend the table, and give the suite a new version if it was published",
        )
        for what, where in findings
    ]


def counts(suite: Suite) -> dict[str, int]:
    """Subjects, categories, pairs, types, prompts and jobs of a suite."""
    return {
        "subjects": len(suite.subjects),
        "categories": len({subject.category for subject in suite.subjects.values()}),
        "pairs": len(suite.pairs),
        "types": len({pair.type for pair in suite.pairs.values()}),
        "prompts": len(suite.prompts),
        "jobs": len(suite.jobs),
    }


def _counts(suite: Suite, declaration: Declaration) -> Iterator[tuple[str, str]]:
    expected = declaration.expected.model_dump()
    for name, count in counts(suite).items():
        wanted = expected[name]
        if isinstance(wanted, dict):
            wanted = wanted[suite.prompt_set]
        if count != wanted:
            yield f"{count:,} {name}, expected {wanted:,}", "suite.toml, expected"


def _provenance(suite: Suite) -> Iterator[tuple[str, str]]:
    for subject in suite.subjects.values():
        for field in ("evidence", "licence", "source_dataset", "source_path", "n_images_status"):
            if not getattr(subject, field):
                yield f"{subject.id} has no {field}", "subjects.csv"
    for pair in suite.pairs.values():
        if not pair.evidence:
            yield f"{pair.id} has no evidence", "pairs.csv"
    for prompt in suite.prompts.values():
        if not prompt.source:
            yield f"{prompt.id} has no source", "prompts.csv"
    used = {subject for pair in suite.pairs.values() for subject in pair.subjects}
    for name in suite.subjects:
        if suite.pairs and name not in used:
            yield f"{name} is in no pair", "subjects.csv"


def _pair(suite: Suite, pair: Pair) -> Iterator[tuple[str, str]]:
    unknown = [name for name in pair.subjects if name not in suite.subjects]
    if unknown:
        yield f"{pair.id} names the unknown subject {unknown[0]!r}", "pairs.csv"
        return
    subjects = [suite.subjects[name] for name in pair.subjects]
    if pair.type != f"[{', '.join(subject.category for subject in subjects)}]":
        yield f"{pair.id} is not of type {pair.type}", "pairs.csv"
    nouns = [subject.prompt_noun for subject in subjects]
    if pair.same_noun != (len(set(nouns)) < len(nouns)):
        yield f"same_noun of {pair.id} does not fit its nouns {nouns}", "pairs.csv"
    prompts = [p for p in suite.prompts.values() if p.template_set == pair.template_set]
    if pair.template_set and not prompts:
        yield f"{pair.id} takes no prompts (template set {pair.template_set!r})", "pairs.csv"
    for prompt in prompts:
        if placeholders(prompt.text) != tuple(range(1, len(nouns) + 1)):
            yield f"{prompt.id} does not name the {len(nouns)} subjects of {pair.id}", "prompts.csv"


def _digest(suite: Suite, declaration: Declaration) -> Iterator[tuple[str, str]]:
    expected = declaration.digests.get(suite.prompt_set)
    if suite.digest != expected:
        yield f"the digest is {suite.digest}, recorded is {expected}", "suite.toml, digests"
