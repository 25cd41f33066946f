"""Static Prompts: a page a pair with references, the methods' videos and their own scores."""

from collections.abc import Iterator
from dataclasses import dataclass

from customstudio.leaderboard import derived
from customstudio.leaderboard.boards import PARTS, headline, labels
from customstudio.leaderboard.differences import foremost
from customstudio.leaderboard.jobs import job_texts
from customstudio.leaderboard.site.layout import Place, SiteLinks, page
from customstudio.leaderboard.site.media import Videos, reference_files, shown_references
from customstudio.leaderboard.table import Ranked
from customstudio.report.text import ARROWS
from customstudio.submissions.entries import Listed
from customstudio.submissions.rules import Rules
from customstudio.submissions.store import Store
from customstudio.suites.schema import Job, Suite


@dataclass(frozen=True)
class Clip:
    """One method's video of one job."""

    listed: Listed
    name: str
    job: str
    address: str
    """Below the site's root; empty where no video is shown."""
    note: str
    """Why none is shown."""
    scores: tuple[tuple[str, str], ...]
    """Title of a key, and the video's score in words."""


@dataclass(frozen=True)
class Methods:
    """The methods whose videos a board's pages show."""

    ranked: Ranked
    listed: tuple[Listed, ...]
    texts: dict[str, dict[str, dict[str, str]]]
    """Submission -> job -> key -> score in words."""
    videos: Videos

    def clips(self, job: Job) -> list[Clip]:
        """Every method's video of one job, in the order of the board."""
        names = labels(self.listed)
        return [self._clip(one, names[one.entry.id], job.id) for one in self.listed]

    def _clip(self, one: Listed, name: str, job: str) -> Clip:
        identity = one.entry.id
        file = self.videos.names.get((identity, job))
        found = self.texts[identity].get(job, {})
        scores = tuple(
            (f"{key.title} {ARROWS[key.better]}".strip(), found.get(key.key, "no row"))
            for key in headline(self.ranked.columns)
        )
        address = f"videos/{file}" if file else ""
        return Clip(one, name, job, address, self.videos.note(identity, job), scores)


def shown_methods(ranked: Ranked, suite: Suite | None) -> list[Listed]:
    """The best methods of every section, section by section; none of a suite not known here."""
    return [one for part in PARTS for one in foremost(ranked, part)] if suite else []


def suite_here(ranked: Ranked, rules: Rules | None) -> Suite | None:
    """The suite of a board, where this installation knows it."""
    return (rules or Rules()).suite(ranked.standing.board.suite)


def prompt_pages(
    store: Store, ranked: Ranked, videos: Videos, rules: Rules | None
) -> Iterator[tuple[str, str | bytes]]:
    """A board's list of pairs, their pages, and the images that may be shown."""
    if not ranked.standing.current:
        return
    board, suite = ranked.standing.board, suite_here(ranked, rules)
    listed = shown_methods(ranked, suite)
    place = Place(f"prompts/{board.id}.html", "../")
    shown = {"board": board, "methods": len(listed), "total": len(ranked.standing.current)}
    yield (
        place.path,
        page("prompts.html.j2", place, f"Prompts: {board.title}", suite=suite,
             words=videos.words, **shown),
    )  # fmt: skip
    if suite is None:
        return
    texts = {one.entry.id: job_texts(derived.scores(store, one.entry.id)) for one in listed}
    methods = Methods(ranked, tuple(listed), texts, videos)
    references = shown_references(suite)
    yield from reference_files(references)
    for pair in suite.pairs.values():
        place = Place(f"prompts/{board.id}/{pair.id}.html", "../../")
        jobs = [(job, methods.clips(job)) for job in suite.jobs if job.pair == pair.id]
        yield (
            place.path,
            page("pair.html.j2", place, pair.id.replace("+", " + "), jobs=jobs,
                 subjects=[references[name] for name in pair.subjects],
                 links=SiteLinks(place.root), video=suite.video, **shown),
        )  # fmt: skip
