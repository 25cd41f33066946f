"""Single videos' scores in words: one job's under each key."""

import pandas as pd

from customstudio.report.text import in_words, number


def job_texts(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Job -> key -> the video's own score, or why there is none.

    Args:
        rows: a submission's rows, as `derived.scores` reads them.
    """
    own = rows[rows["subject"].isna()]
    found: dict[str, dict[str, str]] = {}
    for job, key, value, missing, reason in zip(
        own["job"], own["metric"], own["value"], own["value"].isna(), own["reason"], strict=True
    ):
        text = in_words(str(reason)) if missing else number(float(value))
        found.setdefault(str(job), {})[str(key)] = text
    return found
