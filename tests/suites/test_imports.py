"""The suites start fast: nothing heavy is imported until it is needed."""

import subprocess
import sys

HEAVY = ("torch", "cv2", "av", "datasets", "pandas", "pyarrow", "PIL", "numpy")
PROGRAM = f"""
import importlib, pkgutil, sys
import customstudio.suites, customstudio.cli.suites, customstudio.cli.data
for module in pkgutil.iter_modules(customstudio.suites.__path__):
    importlib.import_module("customstudio.suites." + module.name)
from customstudio.suites.load import load_suite
assert len(load_suite("customstudio").jobs) == 2720
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_nothing_heavy_at_import() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_schema_and_columns_agree() -> None:
    from customstudio.suites.features import _COLUMNS
    from customstudio.suites.schema import Job, Pair, Prompt, Subject, Suite

    for name, record in (("subjects", Subject), ("pairs", Pair), ("prompts", Prompt)):
        assert set(_COLUMNS[name]) == set(record.model_fields)
    assert set(_COLUMNS["jobs"]) == {"id", *Job.model_fields}
    tables = {"subjects", "pairs", "prompts"}
    assert set(_COLUMNS["suite"]) == ({"digest", *Suite.model_fields} - tables)
