"""What docs/submissions.md shows is true."""

import re
from pathlib import Path

from customstudio.submissions import parquet
from customstudio.submissions.build import read_card
from customstudio.submissions.schema import FILES

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
