"""Fetch what is missing, check it against what is published, record the rest."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from customstudio.errors import UserError
from customstudio.files import locked, sha256_file
from customstudio.weights.archives import extract
from customstudio.weights.download import Progress, address, from_hub, over_http
from customstudio.weights.networks import Network, WeightFile, find
from customstudio.weights.recorded import Recorded, read_recorded, record
from customstudio.weights.store import RANDOM_MARK, Store

Announce = Callable[[str], None]


def fetch(
    store: Store, ids: Sequence[str], *, announce: Announce, progress: Progress | None = None
) -> list[Path]:
    """Fetch the missing files of networks into a store; licences and sizes are announced first.

    Args:
        store: where the files go.
        ids: networks; none: all that can be fetched, but for those of methods.
        announce: takes each line for people.
        progress: takes bytes so far and in all, of the file under way.

    Returns:
        The files that were fetched.

    Raises:
        UserError: unknown ids, no way to a source, or bytes that are not the published ones.
    """
    everyday = [network for network in store.networks.values() if not network.of_a_method]
    chosen = find(store.networks, ids) if ids else everyday
    wanted = [n for n in chosen if not (n.toy or n.embedded) and store.missing(n)]
    for network in wanted:
        _refuse_random(store, network)
        announce(f"{network.id}: {network.title}; licence: {network.licence}")
        for file in store.missing(network):
            announce(f"  {file.name}: {file.size} from {file.origin}")
    fetched = []
    with locked(store.directory):
        for network in wanted:
            for file in store.missing(network):
                fetched.append(_fetch_file(store, network, file, progress or (lambda *_: None)))
                announce(f"  fetched {fetched[-1]}")
            _remove_archives(store.directory / network.id)
    return fetched


def _fetch_file(store: Store, network: Network, file: WeightFile, progress: Progress) -> Path:
    path = store.path(network, file)
    incoming = path.with_name(f"{path.name}.incoming")
    if file.hub:
        origin = from_hub(file, incoming)
    else:
        origin = address(file)
        if file.member:
            archive = path.with_name(origin.rsplit("/", 1)[-1])
            if not archive.exists():
                over_http(origin, archive, progress)
            extract(archive, file.member, incoming)
        else:
            over_http(origin, incoming, progress)
    _admit(store, network, file, incoming, origin)
    incoming.replace(path)
    return path


def _admit(store: Store, network: Network, file: WeightFile, incoming: Path, origin: str) -> None:
    """Check the digest against the published one, or against the one of the first fetch.

    Raises:
        UserError: they differ; the file is removed.
    """
    key, digest = f"{network.id}/{file.name}", sha256_file(incoming)
    earlier = read_recorded(store.directory).get(key)
    expected = file.published or (earlier.sha256 if earlier else None)
    if expected and not digest.startswith(expected):
        incoming.unlink()
        known = "published" if file.published else f"recorded from {earlier and earlier.origin}"
        raise UserError(
            f"not the {known} file: SHA-256 begins {digest[:16]}, expected {expected[:16]}",
            where=origin,
            fix="the source changed or was tampered with: do not use it; report it to us",
        )
    row = Recorded(
        sha256=digest,
        bytes=incoming.stat().st_size,
        origin=origin,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    record(store.directory, key, row)


def _remove_archives(folder: Path) -> None:
    for archive in folder.glob("*.zip"):
        archive.unlink()


def _refuse_random(store: Store, network: Network) -> None:
    mark = store.directory / network.id / RANDOM_MARK
    if mark.exists():
        raise UserError(
            f"this folder holds random values of {network.id}",
            where=str(mark),
            fix=f"remove {mark.parent} first, or fetch into another folder",
        )
