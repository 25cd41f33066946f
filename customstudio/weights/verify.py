"""Say of every file what it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from customstudio.errors import UserError
from customstudio.weights.networks import Network, WeightFile, find
from customstudio.weights.store import Store


@dataclass(frozen=True)
class Verified:
    """One file of the manifest, looked at."""

    network: str
    file: str
    state: str
    """`missing`, or a network's status, or `wrong` in the default folder."""
    sha256: str | None
    note: str

    @property
    def wrong(self) -> bool:
        """Whether it is another file than the one expected here."""
        return self.state in ("wrong", "unofficial")


def verify(store: Store, ids: Sequence[str]) -> Iterator[Verified]:
    """Look at the files of networks (none named: all), one after the other."""
    for network in find(store.networks, ids) if ids else store.networks.values():
        for file in network.files:
            yield _look(store, network, file)


def _look(store: Store, network: Network, file: WeightFile) -> Verified:
    if not store.path(network, file).is_file():
        return Verified(network.id, file.name, "missing", None, file.size)
    alone = network.model_copy(update={"files": (file,)})
    single = Store(
        store.directory if store.explicit else None, networks={**store.networks, network.id: alone}
    )
    try:
        located = single.locate([network.id])[network.id]
    except UserError as error:
        return Verified(network.id, file.name, "wrong", None, error.what)
    notes = {
        "official": "as published" if file.sha256 else f"published prefix {file.sha256_prefix}",
        "unrecorded": "no published digest to compare with",
        "unofficial": f"published is {file.published or 'another (recorded.json)'}",
        "random": "random values",
        "embedded": "as in this release: trained on the mini world, comes with the package",
    }
    digest = located.sha256[file.name]
    return Verified(network.id, file.name, located.status, digest, notes[located.status])
