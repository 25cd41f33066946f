"""One declaration test over every catalog: a listed thing is a complete thing."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from customstudio.errors import UserError
from customstudio.metrics import catalog

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("metric", catalog.METRICS)
def test_every_metric_declares_itself(metric: str) -> None:
    module = import_module(f"customstudio.metrics.{metric}")
    spec = module.SPEC
    assert spec.id == metric, "a metric's id is its file's name"
    assert spec.version >= 1
    assert spec.source
    assert spec.unit
    assert set(spec.needs.values()) <= catalog.FEATURES.keys()
    for variant in spec.variants:
        assert set(variant.needs.values()) <= catalog.FEATURES.keys()
    assert "arXiv" in inspect.getdoc(module) or "LAION" in inspect.getdoc(module)
    page = ROOT / "docs" / "metrics.md"
    assert f"## `{metric}`" in page.read_text(), "every metric has its section in the docs"


def test_every_metric_file_is_listed() -> None:
    files = {
        p.stem for p in (ROOT / "metrics").glob("*.py") if "SPEC = MetricSpec" in p.read_text()
    }
    assert files == set(catalog.METRICS)


@pytest.mark.parametrize("name", sorted(catalog.PROTOCOLS))
def test_protocols_name_what_exists(name: str) -> None:
    protocol = catalog.protocol(name)
    roles = set(catalog.roles(catalog.features(protocol.metrics)))
    assert roles <= protocol.networks.keys()
    for metric in protocol.metrics:
        assert protocol.key(metric) in catalog.spec(metric).keys


def test_only_protocols_of_official_networks_are_official() -> None:
    for protocol in catalog.PROTOCOLS.values():
        ours = any(network.startswith(("toy-", "mini-")) for network in protocol.networks.values())
        assert protocol.official != ours


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(UserError, match="unknown metric 'clip_x'") as caught:
        catalog.spec("clip_x")
    assert "did you mean 'clip_" in caught.value.fix
    with pytest.raises(UserError, match="left out: MUSIQ"):
        catalog.spec("imaging_quality")
    with pytest.raises(UserError, match="unknown protocol"):
        catalog.protocol("customstudio-v2")
