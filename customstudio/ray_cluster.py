"""Work on a Ray cluster: an actor a GPU or some cores, and each item to whichever is free."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from customstudio.errors import UserError

RETRIES = 3
"""An item whose worker died is given to another so many times."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Done(Generic[Item]):
    """An item that is finished, or given up."""

    item: Item
    result: Any = None
    error: Exception | None = None
    """What Ray says of an item that no worker could finish."""


class RayCluster:
    """A connection to a Ray cluster whose nodes see the same files under the same paths."""

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

    def device(self, wanted: str) -> str:
        """The device of the workers: what was asked for, or what the cluster has.

        Raises:
            UserError: another device than these, or one that the cluster has not.
        """
        there = "cuda" if self._ray.cluster_resources().get("GPU") else "cpu"
        if wanted not in ("auto", "cpu", there):
            raise UserError(
                f"no worker of the cluster can have the device {wanted!r}",
                where="--device, with --ray; "
                + ("Ray chooses the GPU of each worker" if there == "cuda" else "it has no GPUs"),
                fix=f"--device {there}, or leave it out",
            )
        return there if wanted == "auto" else wanted

    def work(
        self, kind: type, shared: object, items: Sequence[Item], *, threads: int, device: str
    ) -> Iterator[Done[Item]]:
        """Give items to as many actors as there is room for; each as it is finished.

        A worker that dies is started anew and its item is done again; nothing finished is lost. One
        that cannot start gets nothing more; where none can, all items are given up. Workers are in
        the folder of this process, if they see it, so that relative paths are the same.

        Args:
            kind: a class that is made from `shared` in a process of its own, and whose `run` takes
                an item.
            threads: cores of a worker.
            device: a worker takes a GPU where this is `cuda`.
        """
        if not items:
            return
        ray = self._ray
        gpus = 1 if device.startswith("cuda") else 0
        largest = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes())
        # A node with fewer cores than the driver must be able to hold a worker all the same.
        cpus = max(1, min(threads, largest))
        worker = ray.remote(
            num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=RETRIES
        )(_here(kind, os.getcwd()))
        resources = ray.cluster_resources()
        room = int(resources.get("GPU", 0) if gpus else resources.get("CPU", 1) // cpus)
        at = ray.put(shared)
        actors = [worker.remote(at) for _ in range(max(1, min(room, len(items))))]
        waiting, idle = list(items), list(actors)
        running: dict[Any, tuple[Any, Item]] = {}
        try:
            while running or (waiting and idle):
                while waiting and idle:
                    actor, item = idle.pop(0), waiting.pop(0)
                    running[actor.run.remote(item)] = (actor, item)
                (ready,), _ = ray.wait(list(running), num_returns=1)
                actor, item = running.pop(ready)
                try:
                    done = Done(item, ray.get(ready))
                except ray.exceptions.RayError as error:
                    done = Done(item, error=error)
                # One that did not even start gets nothing more, and its item goes to another.
                started = not getattr(done.error, "actor_init_failed", False)
                idle += [actor] if started else []
                if started or not (idle or running):
                    yield done
                else:
                    waiting.append(item)
            yield from (Done(item, error=done.error) for item in waiting)
        finally:
            for actor in actors:
                ray.kill(actor)
            if self._own:
                ray.shutdown()


def _here(kind: type, folder: str) -> type:
    """The class, made and run in a folder."""

    class Worker(kind):  # type: ignore[misc]
        def __init__(self, shared: object) -> None:
            with suppress(OSError):
                os.chdir(folder)
            super().__init__(shared)

    Worker.__name__ = Worker.__qualname__ = kind.__name__  # what Ray shows
    return Worker
