"""What docs/submissions.md shows is true."""

import re
from pathlib import Path

from customstudio.metrics import catalog
from customstudio.submissions import encoding, parquet, place
from customstudio.submissions.build import read_card
from customstudio.submissions.limits import Limits
from customstudio.submissions.schema import FILES
from customstudio.submissions.tolerance import DECIDED, SMOOTH, TOLERANCES

TEXT = (Path(__file__).parents[2] / "docs" / "submissions.md").read_text()


def test_the_card(tmp_path: Path) -> None:
    (card,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "card.toml"
    path.write_text(card)
    assert read_card(path).name == "Toy Method"


def test_the_files_and_limits() -> None:
    for name in FILES:
        assert f"| `{name}` |" in TEXT
    assert parquet.MEMORY_BYTES == 2**30
    assert "1 GiB of memory" in TEXT
    assert f"{parquet.CPU_SECONDS} seconds" in TEXT


def test_the_server_and_its_limits() -> None:
    limits = Limits()
    assert (limits.burst, limits.seconds, limits.upload_seconds) == (30, 10, 60)
    assert "send 30 requests that change something, then one in 10 seconds" in TEXT
    assert (encoding.SIDE, encoding.MOST_FRAMES) == (320, 480)
    assert "320 pixels at its longer side, 480 frames" in TEXT
    assert (encoding.MEMORY_BYTES, encoding.CPU_SECONDS) == (3 * 2**30, 120)
    for variable in (place.STORE, place.DATABASE):
        assert f"`${variable}`" in TEXT


def test_the_tolerances() -> None:
    assert set(TOLERANCES) <= set(catalog.METRICS)
    for metric in TOLERANCES:
        assert f"`{metric}`" in TEXT
    assert (SMOOTH.each, SMOOTH.mean, SMOOTH.strays) == (0.002, 0.001, 0)
    assert (DECIDED.each, DECIDED.mean, DECIDED.strays) == (0.002, 0.02, 0.05)
    for metric, (each, relative, mean) in {
        "copy_paste": (0.01, 0, 0.003),
        "aesthetic_quality": (0.01, 0, 0.003),
        "motion_magnitude": (0.005, 0.02, 0.005),
    }.items():
        one = TOLERANCES[metric]
        assert (one.each, one.relative, one.mean, one.strays) == (each, relative, mean, 0)
