"""The same chunks on a Ray cluster: an actor a GPU or some cores; the driver keeps the journal."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from customstudio.errors import UserError
from customstudio.evaluation.journal import ChunkResult
from customstudio.evaluation.plan import Plan

RETRIES = 3
"""A chunk whose worker died is given to another so many times."""


class RayCluster:
    """A connection to a Ray cluster whose nodes see the videos under the same paths."""

    def __init__(self, address: str) -> None:
        """Connect; `auto` starts Ray on this machine where none is running.

        Raises:
            UserError: Ray is not installed, or nothing answers at the address.
        """
        try:
            import ray
        except ImportError as error:
            raise UserError(
                "Ray is not installed", where="--ray", fix="pip install 'customstudio[cluster]'"
            ) from error
        self._ray: Any = ray
        self._own = not ray.is_initialized()
        if ray.is_initialized():
            return
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False)
        except ConnectionError as error:
            if address != "auto":
                raise UserError(
                    f"no Ray cluster answers: {error}",
                    where=f"--ray {address}",
                    fix="ray start --head, and give its address, or --ray auto",
                ) from error
            ray.init(log_to_driver=False, include_dashboard=False)

    def placed(self, plan: Plan) -> Plan:
        """The plan with its device settled by what the cluster has."""
        device = plan.settings.device
        if device == "auto":
            device = "cuda" if self._ray.cluster_resources().get("GPU") else "cpu"
        settings = plan.settings.model_copy(update={"device": device})
        return dataclasses.replace(plan, settings=settings)

    def compute(self, plan: Plan, chunks: Sequence[int]) -> Iterator[ChunkResult]:
        """Score chunks on as many actors as there is room for, in whatever order they finish.

        A worker that dies is started anew and its chunk is done again; nothing finished is lost.
        """
        if not chunks:
            return
        ray = self._ray
        gpus = 1 if plan.settings.device.startswith("cuda") else 0
        largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes())
        # A node with fewer cores than the driver must be able to hold a worker all the same.
        cpus = max(1, min(plan.settings.threads, largest))
        worker = ray.remote(
            num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=RETRIES
        )(_Worker)
        resources = ray.cluster_resources()
        room = int(resources.get("GPU", 0) if gpus else resources.get("CPU", 1) // cpus)
        shared = ray.put(plan)
        actors = [worker.remote(shared) for _ in range(max(1, min(room, len(chunks))))]
        waiting, running = list(chunks), {}
        for actor in actors:
            running[actor.score.remote(waiting.pop(0))] = actor
        try:
            while running:
                (ready,), _ = ray.wait(list(running), num_returns=1)
                actor = running.pop(ready)
                yield ray.get(ready)
                if waiting:
                    running[actor.score.remote(waiting.pop(0))] = actor
        finally:
            for actor in actors:
                ray.kill(actor)
            if self._own:
                ray.shutdown()


class _Worker:
    """Holds the networks of a plan in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        from customstudio.evaluation.engine import Engine
        from customstudio.evaluation.runner import cache_folder

        self._engine = Engine(plan, cache=cache_folder(), workers=plan.settings.threads)

    def score(self, chunk: int) -> ChunkResult:
        """Score one chunk."""
        return next(self._engine.run([chunk]))
