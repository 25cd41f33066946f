"""The page in a real browser: nothing fetched, nothing logged, nothing wider than the window."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from browser import browser, find_chromium
from bundle_factory import write_bundle

from customstudio.report.render import write_report

OVERLAPS = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg.chart, svg.curve')) {
    const boxes = [...svg.querySelectorAll('text')].map(t => [t.getBoundingClientRect(), t]);
    boxes.forEach(([a, s], i) => boxes.slice(i + 1).forEach(([b, t]) => {
      if (a.width && b.width && a.left < b.right - 1 && b.left < a.right - 1
          && a.top < b.bottom - 3 && b.top < a.bottom - 3)
        found.push(s.textContent + ' | ' + t.textContent);
    }));
  }
  return found;
})()
"""
COLOUR = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.skipif(find_chromium() is None, reason="no chromium binary on this machine")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    names = ["Method <b>A</b>", "A second method, whose name is far too long for its panel", "C"]
    run = write_bundle(tmp_path / "several", names, pairs=5, seeds=1, failures={0: "empty"})
    alone = write_bundle(tmp_path / "alone", pairs=2, seeds=1)
    for folder in (run, alone):
        write_report(folder)
    binary = find_chromium()
    assert binary is not None
    with browser(binary, tmp_path / "profile") as page:
        for report in (run / "report.html", alone / "report.html"):
            colours = set()
            for width, dark in ((1280, False), (390, False), (360, True)):
                page.open(report, width=width, dark=dark)
                assert page.value("document.documentElement.scrollWidth") <= width
                assert page.value(OVERLAPS) == []
                assert page.complaints() == []
                outside = [u for u in page.requests() if not u.startswith(("file:", "data:"))]
                assert outside == []
                files = [u for u in page.requests() if u.startswith("file:")]
                assert files == [report.as_uri()]
                colours.add(page.value(COLOUR))
            assert len(colours) == 2
