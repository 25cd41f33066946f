"""The manifest agrees with the catalog of metrics and with the libraries that it names."""

import pytest

from customstudio.baselines.catalog import BASES, METHODS, base, defaults
from customstudio.metrics import catalog
from customstudio.weights.networks import EMBEDDED, manifest
from customstudio.weights.store import Store

NETWORKS = manifest()
REAL = [network for network in NETWORKS.values() if not network.toy]
OFFICIAL = [network for network in REAL if not network.embedded]
EMBEDDED_ONES = [network for network in REAL if network.embedded]


def test_every_network_of_a_protocol_is_there_and_of_the_right_kind() -> None:
    for protocol in catalog.PROTOCOLS.values():
        for role, name in protocol.networks.items():
            assert NETWORKS[name].kind == role, (protocol.id, role)


def test_used_by_is_what_the_catalog_says() -> None:
    roles = {metric: catalog.roles(catalog.features([metric])) for metric in catalog.METRICS}
    for network in REAL:
        users = {metric for metric, needed in roles.items() if network.kind in needed}
        if network.embedded:  # one protocol alone
            users &= set(catalog.PROTOCOLS["mini-v1"].metrics)
        assert set(network.used_by) == users, network.id


def test_every_file_comes_from_exactly_one_place() -> None:
    for network in OFFICIAL:
        assert network.files
        for file in network.files:
            assert sum(bool(s) for s in (file.hub, file.torchvision, file.url)) == 1, file.name
            assert (file.megabytes is None) == (not file.size_from), file.name


@pytest.mark.parametrize("name", ["clip-vit-b32-openai", "dino-vits16", "laion-aesthetic-vit-l14"])
def test_sizes_said_to_be_the_architectures_are(name: str) -> None:
    from customstudio.metrics.backbones import clip, dino

    network = NETWORKS[name]
    model = (dino if network.kind == "dino" else clip).build(network.architecture)
    total = sum(4 * value.numel() for value in model.state_dict().values()) / 1e6
    assert network.files[0].megabytes == pytest.approx(total, abs=0.06)


@pytest.mark.parametrize("network", [n for n in REAL if n.kind == "image_encoder"])
def test_sizes_of_image_encoders_are_those_of_their_files(network) -> None:
    """Of the whole CLIP, or of its image half alone, as the name of the architecture says."""
    from customstudio.baselines.image_encoder import without_values

    values = without_values(network.architecture).state_dict().values()
    total = sum(4 * value.numel() for value in values) / 1e6
    assert network.files[0].megabytes == pytest.approx(total, abs=0.06)
    specs, methods = map(base, BASES), map(defaults, METHODS)
    users = {spec.image_encoder for spec in specs} | {n for m in methods for n in m.networks(None)}
    assert network.id in users


@pytest.mark.parametrize("network", [n for n in OFFICIAL if n.files[0].torchvision])
def test_sizes_said_to_be_torchvisions_are(network) -> None:
    from importlib import import_module

    (file,) = network.files
    module, _, name = file.torchvision.partition(":")
    enum, _, member = name.partition(".")
    mebibytes = getattr(getattr(import_module(module), enum), member).meta["_file_size"]
    assert file.megabytes == pytest.approx(mebibytes * 2**20 / 1e6, abs=0.06)


def test_embedded_networks_are_the_files_of_the_package(tmp_path) -> None:
    located = Store(tmp_path).locate([network.id for network in EMBEDDED_ONES])
    assert {network.status for network in located.values()} == {"embedded"}
    listed = {EMBEDDED / n.id / file.name for n in EMBEDDED_ONES for file in n.files}
    assert {path for path in EMBEDDED.rglob("*") if path.is_file()} == listed
    total = sum(path.stat().st_size for path in listed)
    assert total < 10e6  # 25 MB together with the generators to come


def test_other_weights_than_the_packages_say_so(tmp_path) -> None:
    (tmp_path / "mini-dino").mkdir()
    shipped = (EMBEDDED / "mini-dino" / "model.safetensors").read_bytes()
    (tmp_path / "mini-dino" / "model.safetensors").write_bytes(shipped + b" ")
    assert Store(tmp_path).locate(["mini-dino"])["mini-dino"].status == "unofficial"
