"""The written reports: what they say, that nothing in them is alive, and that bytes repeat."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

sys.path.insert(0, str(Path(__file__).parent))
from bundle_factory import ANCHORS, write_bundle

from customstudio.errors import UserError
from customstudio.metrics import catalog
from customstudio.report.render import write_report

HOSTILE = "<script>alert(1)</script>|`x`\\input{/etc/passwd} [a](javascript:alert(2)) \u202eevil"
WHY = "truncated: 3 of 8 frames decoded"


class Elements(HTMLParser):
    """Tags with their attributes, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One method, one broken video, not official for two reasons."""
    run = write_bundle(
        tmp_path_factory.mktemp("failed"),
        ["Toy method"],
        failures={3: WHY},
        changes={"official": False, "unofficial_because": ["random weights: clip", "incomplete"]},
    )
    write_report(run)
    return run


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods, whose names, prompts, reasons and card attack the report."""
    run = write_bundle(
        tmp_path_factory.mktemp("hostile"),
        [HOSTILE, "https://www.example.com/?a=1&b=2 @someone *x* <img src=x onerror=alert(3)>"],
        pairs=5,
        failures={2: HOSTILE},
        prompt=HOSTILE,
        changes={
            "official": False,
            "unofficial_because": [HOSTILE],
            "card": {HOSTILE: HOSTILE},
            "notes": [HOSTILE],
            "command": [HOSTILE],
        },
    )
    write_report(run)
    return run


def page(run: Path) -> str:
    return (run / "report.html").read_text()


def test_page_says_what_was_scored_and_how(failed: Path) -> None:
    text = Elements(page(failed)).text
    for words in ("Toy method", "reconstruction r1", "protocol customstudio-v1", "28 videos",
                  "7 pairs", "2026-11-20", "CLIP-T", "Dynamic degree", "higher", "95% interval",
                  "real references", "still copy", "unrelated images", "ef" * 32, "torch 2.15.0",
                  "customstudio evaluate videos", "clip-vit-b32-openai"):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("name", ["report.html", "summary.md", "summary.tex"])
def test_every_output_says_that_it_is_not_official_and_why(failed: Path, name: str) -> None:
    text = (failed / name).read_text()
    assert "Not official" in text
    assert "random weights: clip" in text
    assert "incomplete" in text


def test_an_official_run_has_no_banner(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=1, seeds=1, media=False)
    write_report(run)
    for name in ("report.html", "summary.md", "summary.tex"):
        assert "Not official" not in (run / name).read_text()


def test_a_failed_video_keeps_its_reason_and_costs_coverage(failed: Path) -> None:
    for text in (Elements(page(failed)).text, (failed / "summary.md").read_text()):
        assert WHY in text
        assert "cat+dog/T2-02/1" in text
        assert "96.4%" in text


def test_no_value_is_a_reason_and_few_pairs_have_no_interval(failed: Path) -> None:
    text = Elements(page(failed)).text
    assert "no value: no mask of cat" in text
    assert "no interval: 3 pairs, 5 needed" in text
    assert "no value: does not apply: not a person" in text
    assert "nan" not in re.findall(r"[a-z]+", text.lower())
    assert "None" not in re.findall(r"\w+", text)


def test_cards_show_frames_beside_references(failed: Path) -> None:
    elements = Elements(page(failed))
    images = [attributes for tag, attributes in elements.tags if tag == "img"]
    # Three keys, two best, a median and two worst of each: six frames of eight each.
    assert len([i for i in images if (i["alt"] or "").startswith("frame")]) == 3 * 5 * 6
    assert {"frame 1 of 8, 0.0 s", "frame 8 of 8, 0.9 s"} <= {i["alt"] for i in images}
    assert any((i["alt"] or "").startswith("reference of") for i in images)
    assert all((i["src"] or "").startswith("data:image/jpeg;base64,") for i in images)
    assert "their licences apply" in elements.text


def test_a_video_or_reference_that_is_gone_or_changed_is_said_in_words(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=2, seeds=1)
    videos = sorted((tmp_path / "videos").rglob("*.mp4"))
    videos[0].unlink()
    videos[1].write_bytes(videos[1].read_bytes() + b"\0\0\0\x08free")
    (tmp_path / "refs/cat/00.png").unlink()
    (tmp_path / "refs/cat/01.png").write_bytes((tmp_path / "refs/dog/01.png").read_bytes())
    write_report(run)
    text = Elements(page(run)).text
    assert "is no longer there" in text
    assert "the video has changed since the run" in text
    assert "00.png is no longer there; 01.png has changed since the run" in text


def test_a_reference_that_took_no_part_is_not_embedded(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=1, seeds=1, changes={"references": {}})
    write_report(run)
    assert "00.png took no part in the run" in Elements(page(run)).text
    assert "reference of cat" not in page(run)


def test_html_runs_nothing_and_loads_nothing(hostile: Path) -> None:
    elements = Elements(page(hostile))
    names = {tag for tag, _ in elements.tags}
    assert not names & {"script", "iframe", "object", "embed", "base", "form", "input"}
    for tag, attributes in elements.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("href", "src", "srcset", "data", "action"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/jpeg;base64,", "data:,")), (tag, value)
    assert "<script>alert(1)</script>" in elements.text
    assert "[U+202E]evil" in elements.text
    assert "\u202e" not in page(hostile)
    style = page(hostile).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_picture_is_well_formed_and_named(hostile: Path) -> None:
    pictures = re.findall(r"<svg.*?</svg>", page(hostile), flags=re.DOTALL)
    assert len(pictures) > 50
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.get("aria-label") or root.get("aria-hidden") == "true"
        for number in re.findall(r'"([^"]*)"', picture):
            assert "nan" not in number.lower().split()


def test_markdown_brings_nothing_to_life(hostile: Path) -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    html = parser.render((hostile / "summary.md").read_text())
    elements = Elements(html)
    allowed = {"h3", "p", "blockquote", "ul", "li", "strong", "em", "code", "table", "thead",
               "tbody", "tr", "th", "td", "details", "summary"}  # fmt: skip
    assert {tag for tag, _ in elements.tags} <= allowed
    assert HOSTILE.replace("\u202e", "[U+202E]") in elements.text
    bodies = re.findall(r"<tr>(.*?)</tr>", html, flags=re.DOTALL)
    keys = [
        len(catalog.spec(metric).keys) for metric in catalog.protocol("customstudio-v1").metrics
    ]
    # Failures have 4 columns; headline scores and variants one each and the method's name.
    columns = {4, 1 + len(keys), 1 + sum(keys) - len(keys)}
    assert {len(re.findall("<t[hd]", row)) for row in bodies} == columns, "no bar splits a cell"


def test_latex_names_are_text(hostile: Path) -> None:
    text = (hostile / "summary.tex").read_text()
    assert r"\input" not in text
    assert r"\textbackslash{}input\{/etc/passwd\}" in text
    assert "[a]" not in text
    assert text.count("{") == text.count("}")
    assert text.isascii()


def test_the_same_bundle_gives_the_same_bytes(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, ["A", "B"], pairs=2, seeds=1)
    outputs = []
    for _ in range(2):
        write_report(run)
        names = ("report.html", "summary.md", "summary.tex")
        outputs.append([(run / name).read_bytes() for name in names])
    assert outputs[0] == outputs[1]


def test_without_anchors_the_report_says_how_to_get_them(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=1, seeds=1, anchors=(), media=False)
    write_report(run)
    assert "customstudio suites anchors makes them" in Elements(page(run)).text
    assert ANCHORS[0].name not in page(run)


@pytest.mark.parametrize("methods", [2, 12])
def test_all_methods_are_everywhere(tmp_path: Path, methods: int) -> None:
    names = [f"Method {number}" for number in range(methods)]
    run = write_bundle(tmp_path, names, pairs=1, seeds=1, media=False)
    write_report(run)
    for name in names:
        assert page(run).count(name) > 7
        assert name in (run / "summary.tex").read_text()


def test_a_run_in_which_every_video_failed_is_still_reported(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=1, seeds=1, failures={0: "empty", 1: "empty"}, media=False)
    write_report(run)
    text = Elements(page(run)).text
    assert "no value: empty" in text
    assert "2 of 2 videos without a headline score" in text


def test_many_reasons_are_folded_and_counted(tmp_path: Path) -> None:
    reasons = [f"coverage of key {number}" for number in range(40)]
    changes = {"official": False, "unofficial_because": reasons}
    run = write_bundle(tmp_path, pairs=1, seeds=1, media=False, changes=changes)
    write_report(run)
    assert all(reason in page(run) for reason in reasons)
    assert "and 34 more" in (run / "summary.tex").read_text()


def test_copies_are_pointed_out(tmp_path: Path) -> None:
    run = write_bundle(tmp_path, pairs=1, seeds=1, media=True)
    import pyarrow.parquet as pq

    table = pq.read_table(run / "videos.parquet")
    hashes = [table["sha256"][0].as_py()] * table.num_rows
    at = table.schema.get_field_index("sha256")
    table = table.set_column(at, table.schema.field(at), [hashes])
    pq.write_table(table, run / "videos.parquet")
    write_report(run)
    assert "Toy: 2 videos share their bytes" in Elements(page(run)).text


def test_a_folder_that_is_no_bundle_is_a_three_line_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run\.json here: not a run bundle"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
