"""Boards, ranks, filters and what follows from bundles: no browser, no Streamlit."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customstudio.errors import UserError
from customstudio.evaluation.compare import difference
from customstudio.evaluation.records import Estimate, MethodSummary
from customstudio.leaderboard import cite, comparing, derived, export, query
from customstudio.leaderboard.about import changes
from customstudio.leaderboard.boards import Standing, boards, columns
from customstudio.leaderboard.query import Query
from customstudio.leaderboard.ranks import Mark, ranks
from customstudio.leaderboard.table import Ranked
from customstudio.metrics.catalog import PROTOCOLS
from customstudio.report.text import latex
from customstudio.submissions.contents import Contents
from customstudio.submissions.entries import Listed
from customstudio.submissions.recompute import recompute
from customstudio.submissions.reported.tables import published_tables, read_published
from customstudio.submissions.schema import FILES, SUBMISSION
from tests.leaderboard.conftest import Filled
from tests.submissions import factory

MARKS: tuple[Mark, ...] = ("best", "second", "", "", "best", "", "best")
ESTIMATES = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(0, 0.3), st.floats(0, 0.3)), min_size=1, max_size=12
)


def standing(filled: Filled) -> Standing:
    (only,) = boards(filled.store.submissions()).values()
    return only


def names(filled: Filled, part: str, **state: object) -> list[str]:
    section = Ranked(standing(filled)).section(part, Query(**state))  # type: ignore[arg-type]
    return [row.listed.entry.card.name for row in section.rows]


@given(ESTIMATES, st.sampled_from(["higher", "lower"]))
def test_ranks_are_what_counting_pairs_of_intervals_gives(
    drawn: list[tuple[float, float, float]], better: str
) -> None:
    made = {
        str(i): Estimate(mean=m, low=m - a, high=m + b, pairs=5, videos=5)
        for i, (m, a, b) in enumerate(drawn)
    }
    found = ranks(made, better)
    for name, mine in made.items():
        surely_better = surely_worse = 0
        for other in made.values():
            assert other.low is not None
            assert other.high is not None
            assert mine.low is not None
            assert mine.high is not None
            higher, lower = other.low > mine.high, other.high < mine.low
            surely_better += higher if better == "higher" else lower
            surely_worse += lower if better == "higher" else higher
        assert (found[name].first, found[name].last) == (
            surely_better + 1,
            len(made) - surely_worse,
        )


def test_marks_go_by_the_mean_and_say_ties() -> None:
    def made(*ends: tuple[float, float]) -> dict[str, Estimate]:
        return {
            name: Estimate(mean=(a + b) / 2, low=a, high=b, pairs=9, videos=9)
            for name, (a, b) in zip("abcd", ends, strict=False)
        }

    clear = ranks(made((8, 9), (5, 6), (1, 2)), "higher")
    assert [clear[n].words for n in "abc"] == ["best", "second", ""]
    lower = ranks(made((8, 9), (5, 6), (1, 2)), "lower")
    assert [lower[n].words for n in "abc"] == ["", "second", "best"]
    near = ranks(made((5, 9), (5, 8), (1, 2)), "higher")
    assert [near[n].words for n in "abc"] == ["best, tied", "second, tied", ""]
    assert [near[n].text for n in "abc"] == ["1–2", "1–2", "3"]
    assert [r.words for r in ranks(made((5, 9), (1, 2)), "higher").values()] == ["best", ""]
    assert [r.words for r in ranks(made((5, 9)), "higher").values()] == [""]
    assert [r.mark for r in ranks(made((5, 6), (5, 6)), "higher").values()] == ["", ""]


def test_no_rank_without_an_interval_or_a_direction() -> None:
    few = Estimate(mean=0.5, pairs=2, videos=2)
    clear = Estimate(mean=0.5, low=0.4, high=0.6, pairs=9, videos=9)
    assert set(ranks({"few": few, "clear": clear}, "higher")) == {"clear"}
    assert ranks({"clear": clear}, "neither") == {}


def test_sections_and_what_is_past(filled: Filled) -> None:
    assert names(filled, "verified") == ["Alpha"]
    assert sorted(names(filled, "self-reported")) == ["Beta", "Gamma"]
    assert names(filled, "unofficial") == []
    past = {one.entry.id for one in standing(filled).past}
    assert past == {filled.ids["Gamma"], filled.ids["Delta"]}
    assert standing(filled).board.id == "customstudio-test-table5.customstudio-v1"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"tuning": ("none",)}, ["Beta", "Gamma"]),
        ({"base": ("videocrafter2",)}, ["Beta"]),
        ({"weights": "closed"}, []),
        ({"since": 2025}, ["Gamma"]),
        ({"until": 2025, "q": "bet"}, ["Beta"]),
        ({"tier": ("recomputed",)}, []),
        ({"q": "zoë toy method"}, ["Beta", "Gamma"]),
        ({"q": "nothing of the sort"}, []),
    ],
)
def test_filters(filled: Filled, state: dict[str, object], expected: list[str]) -> None:
    assert sorted(names(filled, "self-reported", **state)) == expected


def test_filters_do_not_change_ranks(filled: Filled) -> None:
    ranked = Ranked(standing(filled))
    everyone = ranked.section("self-reported", Query())
    alone = ranked.section("self-reported", Query(q="beta"))
    (beta,) = [r for r in everyone.rows if r.listed.entry.id == filled.ids["Beta"]]
    assert alone.rows == (beta,)
    assert (alone.found, alone.total) == (1, 2)


def test_sorting_follows_the_better_direction(filled: Filled) -> None:
    for key in columns("customstudio-v1"):
        section = Ranked(standing(filled)).section(
            "self-reported", Query(sort=key.key, keys=(key.key,))
        )
        means = [row.cells[0].estimate.mean for row in section.rows]
        scored = [mean for mean in means if mean is not None]
        assert scored == sorted(scored, reverse=key.better != "lower"), key.key
        assert means[: len(scored)] == scored
    assert names(filled, "self-reported", sort="name", reverse=True) == ["Gamma", "Beta"]
    assert names(filled, "self-reported", sort="year") == ["Gamma", "Beta"]


@given(
    st.builds(
        Query,
        q=st.text(st.characters(codec="utf-8"), max_size=20),
        tuning=st.sampled_from([(), ("none",), ("per subject", "none")]),
        tier=st.sampled_from([(), ("self-reported", "reproduced")]),
        base=st.lists(st.text("abc-0", min_size=1, max_size=9), max_size=3).map(tuple),
        weights=st.sampled_from(["any", "open", "closed"]),
        since=st.none() | st.integers(0, 9999),
        reverse=st.booleans(),
        page=st.integers(1, 999),
    )
)
def test_every_state_has_an_address(state: Query) -> None:
    assert query.read(query.write(state)) == state


@given(st.dictionaries(st.sampled_from(list(Query.model_fields)), st.lists(st.text())))
def test_no_address_is_an_error(parameters: dict[str, list[str]]) -> None:
    state = query.read(parameters)
    assert state.page >= 1
    assert set(state.tuning) <= set(query.TUNINGS)
    assert query.read(query.write(state)) == state


def test_details_are_the_reducers_and_are_kept(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = filled.store.entry(filled.ids["Beta"]).entry
    kept = derived.kept_path(filled.store.root, entry.id)
    kept.unlink(missing_ok=True)
    found = derived.details(filled.store, entry, filled.rules)
    rows = derived.scores(filled.store, entry.id)
    metrics = derived.files(filled.store, entry.id).submission.metrics
    suite = factory.small_suite()
    protocol = filled.rules.protocols[entry.protocol]
    assert found == recompute(rows, suite, protocol, metrics, groups=True)
    assert found.overall == entry.overall
    assert {group.by for group in found.groups} == {"category", "type", "pair size", "prompt"}
    monkeypatch.setattr(derived, "recompute", None)
    assert derived.details(filled.store, entry, filled.rules) == found
    kept.write_text("{}")
    with pytest.raises(TypeError):  # what is damaged is not believed, but computed again
        derived.details(filled.store, entry, filled.rules)
    monkeypatch.undo()
    assert derived.details(filled.store, entry, filled.rules) == found
    assert filled.store.contents(entry.id).id == entry.id


def test_comparison_is_paired_and_corrected(filled: Filled) -> None:
    entries = [filled.store.entry(filled.ids[n]).entry for n in ("Alpha", "Beta", "Gamma 2")]
    keys = ("clip_t", "dino_i")
    found = comparing.compare_entries(entries, keys, lambda i: derived.scores(filled.store, i))
    assert len(found.differences) == 3 * len(keys)
    first = found.of(entries[0].id, entries[1].id, "clip_t")
    values = [derived.scores(filled.store, e.id) for e in entries[:2]]
    a, b = (
        v[v["subject"].isna() & (v["metric"] == "clip_t")].set_index("job")["value"] for v in values
    )
    each = (b.astype(float) - a.astype(float)).groupby(lambda job: job.split("/")[0]).mean()
    assert first.difference == pytest.approx(each.mean(), abs=1e-12)
    assert first.pairs == len(each)
    assert all((d.p_corrected or 0) >= (d.p or 0) for d in found.differences)
    back = found.of(entries[1].id, entries[0].id, "clip_t")
    assert first.low is not None
    assert back.difference == pytest.approx(-each.mean(), abs=1e-12)
    assert back.high == -first.low


def test_comparison_refuses_one_and_six(filled: Filled) -> None:
    entry = filled.store.entry(filled.ids["Alpha"]).entry
    with pytest.raises(UserError, match="1 methods cannot be compared"):
        comparing.check_choice([entry])
    with pytest.raises(UserError, match="6 methods"):
        comparing.check_choice([entry] * 6)
    other = entry.model_copy(update={"references_digest": "0" * 64})
    with pytest.raises(UserError, match="different boards"):
        comparing.check_choice([entry, other])


def test_wins_name_the_leader_of_each_group(filled: Filled) -> None:
    entries = [filled.store.entry(filled.ids[n]).entry for n in ("Alpha", "Beta")]
    results = {e.id: derived.details(filled.store, e, filled.rules) for e in entries}
    (key,) = [key for key in columns("customstudio-v1") if key.key == "stitch_score"]
    assert key.better == "lower"
    found = comparing.wins(results, key, "category")
    assert found
    for win in found:
        means = {
            i: next(g for g in r.groups if (g.by, g.name) == ("category", win.name))
            .estimates["stitch_score"].mean
            for i, r in results.items()
        }  # fmt: skip
        assert win.winner == min(means, key=lambda i: (means[i], i))
        assert win.ahead == pytest.approx(np.ptp([m for m in means.values() if m is not None]))


def test_exports_hold_the_same_and_no_formula(filled: Filled) -> None:
    ranked = Ranked(standing(filled))
    state = Query()
    sections = [ranked.section(part, state, None) for part in ("verified", "self-reported")]  # type: ignore[arg-type]
    rows = export.flat_rows(sections, ranked.shown(state))
    assert rows[0]["method"] == "Alpha"
    table = list(csv.DictReader(io.StringIO(export.to_csv(rows))))
    parquet = pq.read_table(io.BytesIO(export.to_parquet(rows))).to_pylist()
    document = json.loads(export.to_json(export.board_document(ranked, sections)))
    for row, text, other, whole in zip(rows, table, parquet, document["submissions"], strict=True):
        assert row == other
        assert row["clip_t"] == pytest.approx(float(text["clip_t"]))
        assert whole["overall"]["clip_t"]["mean"] == row["clip_t"]
        assert whole["ranks"]["clip_t"] == row["clip_t rank"]
    hostile = [{"method": "=cmd|' /C calc'!A0", "b": "+1", "c": "@x", "d": "\t=1", "e": -0.5}]
    cells = next(iter(csv.reader(io.StringIO(export.to_csv(hostile).split("\n", 1)[1]))))
    assert not [cell for cell in cells[:-1] if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert cells[-1] == "-0.5"


def test_latex_marks_the_best_and_escapes(filled: Filled) -> None:
    ranked = Ranked(standing(filled))
    sections = [ranked.section("self-reported", Query())]
    text = export.to_latex(sections, ranked.shown(Query()), "50% of A_B & C")
    assert r"50\% of A\_B \& C" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    first = sections[0].rows[0]
    cells = tuple(replace(cell, mark=mark) for cell, mark in zip(first.cells, MARKS, strict=True))
    marked = replace(sections[0], rows=(replace(first, cells=cells),))
    text = export.to_latex([marked], ranked.shown(Query()), "x")
    assert text.count(r"\textbf{") == MARKS.count("best")
    assert text.count(r"\underline{") == MARKS.count("second")


def test_bibtex_names_paper_and_submission(filled: Filled) -> None:
    entry = filled.store.entry(filled.ids["Alpha"]).entry
    text = cite.bibtex(entry)
    assert "eprint = {2401.09962}" in text
    assert "author = {A. Author and Zoë Müller}" in text
    assert entry.id in text
    assert text.count("@misc{") == 2


def test_published_rows_are_all_there_with_their_sources() -> None:
    rows = read_published()
    assert len(rows) == 258
    shown = [v for table in published_tables() for row in table.rows for v in row.values.values()]
    assert len(shown) == 258
    assert {row.source.split()[0] for row in rows} == {
        "arXiv:2401.09962", "arXiv:2402.09368", "arXiv:2408.13239", "arXiv:2412.19645",
    }  # fmt: skip
    assert all(float(row.value) == float(row.value) and row.table for row in rows)
    (own,) = [t for t in published_tables() if t.arxiv == "2401.09962" and t.table == "Table 1"]
    (best,) = [row for row in own.rows if row.method == "customvideo"]
    assert best.values == {"clip_t": "0.7075", "clip_i": "0.6863", "dino_i": "0.3983",
                           "temporal_consistency": "0.7960"}  # fmt: skip


def test_the_board_never_loads_torch(filled: Filled) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from customstudio.leaderboard import cite, comparing, derived, export, pages, table\n"
        "from customstudio.leaderboard.boards import boards\n"
        "from customstudio.submissions.store import Store\n"
        f"store = Store(Path({str(filled.store.root)!r}))\n"
        "(standing,) = boards(store.submissions()).values()\n"
        "section = table.Ranked(standing).section('verified', table.Query())\n"
        "assert len(section.rows) == 1\n"
        "print([n for n in ('torch', 'cv2', 'av', 'timm', 'streamlit') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_rows_of_videos_alone_are_compared() -> None:
    rows = pd.DataFrame(
        {
            "job": ["a+b/p/0", "a+b/p/0", "a+b/p/0", "c+d/p/0"],
            "metric": ["clip_i", "clip_i", "clip_t", "clip_i"],
            "subject": [None, "a", None, None],
            "value": [0.5, 0.9, 0.3, None],
        }
    )
    table = comparing.video_values(rows, ["clip_i", "dino_i"])
    assert table.columns.to_list() == ["clip_i", "dino_i"]
    assert table["clip_i"].to_dict() == {
        "a+b/p/0": 0.5,
        "c+d/p/0": pytest.approx(np.nan, nan_ok=True),
    }
    assert table["dino_i"].isna().all()


def test_all_keys_at_once_are_compared_as_one_by_one(filled: Filled) -> None:
    """Against `customstudio compare`, with values that one side or the other lacks."""
    entries = [filled.store.entry(filled.ids[n]).entry for n in ("Alpha", "Beta", "Gamma 2")]
    keys = ("clip_t", "dino_i", "face_similarity", "temporal_consistency")
    rows = {entry.id: derived.scores(filled.store, entry.id) for entry in entries}
    holes = np.random.default_rng(0)
    for table in rows.values():
        table.loc[holes.random(len(table)) < 0.2, "value"] = None
    found = comparing.compare_entries(entries, keys, rows.__getitem__)
    for one in found.differences:
        a, b = (
            rows[name][rows[name]["subject"].isna() & (rows[name]["metric"] == one.key)]
            for name in (one.first, one.second)
        )
        a = a.assign(pair=[job.split("/")[0] for job in a["job"]])
        wanted = difference((one.first, a), (one.second, b), one.key).model_dump()
        mine = one.model_copy(update={"p_corrected": None}).model_dump()
        assert mine == {
            name: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


def test_equal_means_have_no_leader(filled: Filled) -> None:
    """Two methods with the same scores: neither leads because of its id."""
    entry = filled.store.entry(filled.ids["Alpha"]).entry
    same = derived.details(filled.store, entry, filled.rules)
    (key,) = [key for key in columns("customstudio-v1") if key.key == "clip_t"]
    found = comparing.wins({"a": same, "b": same}, key, "type")
    assert found
    assert {(win.winner, win.ahead, win.clear) for win in found} == {("", 0.0, False)}


def test_no_two_boards_have_the_same_title(filled: Filled) -> None:
    """Other images, other prompts, other tables: a reader must see which board is which."""
    one = filled.store.submissions()[0]

    def other(**changes: object) -> Listed:
        return one.model_copy(update={"entry": one.entry.model_copy(update=changes)})

    suite = one.entry.suite
    found = boards(
        [
            one,
            other(references_digest="0" * 64),
            other(references_digest="1" * 64),
            other(suite=suite.model_copy(update={"digest": "2" * 64})),
            other(suite=suite.model_copy(update={"digest": "3" * 64, "prompt_set": "another"})),
        ]
    ).values()
    titles = [standing.board.title for standing in found]
    assert titles[0] == "customstudio test · customstudio-v1"
    assert len(set(titles)) == 5
    assert "U+" not in latex(titles[0] + " ±")


def test_what_changed_is_in_the_order_of_the_store(filled: Filled) -> None:
    """Whoever says to have evaluated in the year 9999 does not stay on top."""
    first, *others = filled.store.submissions()
    late = first.entry.model_copy(update={"evaluated": "9999-12-31T00:00:00+00:00"})
    told = changes([first.model_copy(update={"entry": late}), *others])
    assert told[-1].startswith("9999-12-31  Alpha")
    assert len(told) == 5


def test_the_benchmark_has_ten_metrics_and_says_that_it_is_made_up() -> None:
    from customstudio.leaderboard import bench

    assert len(bench.PROTOCOL.metrics) == 10
    assert not bench.PROTOCOL.official
    assert bench.PROTOCOL.id not in PROTOCOLS
    empty = MethodSummary(method="it", overall={}, coverage={}, groups=())
    made = bench.submission(1, empty)
    assert made.card.name.startswith("Made up")
    assert set(made.metrics) == set(bench.PROTOCOL.metrics)
    files = dict.fromkeys(FILES, b"") | {SUBMISSION: made.model_dump_json().encode()}
    assert bench.accepted(empty, Contents(files)).verdict.section == "unofficial"
