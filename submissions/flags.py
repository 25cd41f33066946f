"""What a maintainer should look at: it keeps nothing out."""

import pandas as pd
import pyarrow as pa

from customstudio.metrics.catalog import Protocol

_TWO_VALUES = ("dynamic_degree", "stitch_score")
"""Metrics that may well be the same for all videos of a good method."""


def flags(scores: pa.Table, videos: pa.Table, protocol: Protocol) -> tuple[str, ...]:
    """Constant scores, and the same video under several jobs."""
    found = []
    frame: pd.DataFrame = scores.select(["metric", "subject", "value"]).to_pandas()
    whole = frame[frame["subject"].isna() & frame["value"].notna()]
    spread = whole.groupby("metric")["value"].nunique()
    for metric in protocol.metrics:
        key = protocol.key(metric)
        if spread.get(key) == 1 and metric not in _TWO_VALUES and len(whole) > 1:
            found.append(f"{key} has the same value for every video")
    repeated = videos.num_rows - len(videos["sha256"].unique())
    if repeated:
        found.append(f"{repeated:,} videos are byte for byte those of other jobs")
    return tuple(found)
