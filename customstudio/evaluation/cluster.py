"""The same chunks on a Ray cluster; the driver keeps the journal."""

import dataclasses
from collections.abc import Iterator, Sequence

from customstudio.evaluation.journal import ChunkResult
from customstudio.evaluation.plan import Plan
from customstudio.ray_cluster import RayCluster


def placed(cluster: RayCluster, plan: Plan) -> Plan:
    """The plan with its device settled by what the cluster has."""
    device = cluster.device(plan.settings.device)
    settings = plan.settings.model_copy(update={"device": device})
    return dataclasses.replace(plan, settings=settings)


def compute(cluster: RayCluster, plan: Plan, chunks: Sequence[int]) -> Iterator[ChunkResult]:
    """Score chunks in whatever order they finish.

    Raises:
        ray.exceptions.RayError: a chunk's worker died again and again.
    """
    settings = plan.settings
    for done in cluster.work(
        _Worker, plan, chunks, threads=settings.threads, device=settings.device
    ):
        if done.error is not None:
            raise done.error
        yield done.result


class _Worker:
    """Holds the networks of a plan in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        from customstudio.evaluation.engine import Engine
        from customstudio.files import cache_folder

        self._engine = Engine(plan, cache=cache_folder(), workers=plan.settings.threads)

    def run(self, chunk: int) -> ChunkResult:
        """Score one chunk."""
        return next(self._engine.run([chunk]))
