"""The manifest agrees with the catalog of metrics and with the libraries that it names."""

import pytest

from customstudio.metrics import catalog
from customstudio.weights.networks import manifest

NETWORKS = manifest()
OFFICIAL = [network for network in NETWORKS.values() if not network.toy]


def test_every_network_of_a_protocol_is_there_and_of_the_right_kind() -> None:
    for protocol in catalog.PROTOCOLS.values():
        for role, name in protocol.networks.items():
            assert NETWORKS[name].kind == role, (protocol.id, role)


def test_used_by_is_what_the_catalog_says() -> None:
    roles = {metric: catalog.roles(catalog.features([metric])) for metric in catalog.METRICS}
    for network in OFFICIAL:
        users = {metric for metric, needed in roles.items() if network.kind in needed}
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


@pytest.mark.parametrize("network", [n for n in OFFICIAL if n.files[0].torchvision])
def test_sizes_said_to_be_torchvisions_are(network) -> None:
    from importlib import import_module

    (file,) = network.files
    module, _, name = file.torchvision.partition(":")
    enum, _, member = name.partition(".")
    mebibytes = getattr(getattr(import_module(module), enum), member).meta["_file_size"]
    assert file.megabytes == pytest.approx(mebibytes * 2**20 / 1e6, abs=0.06)
