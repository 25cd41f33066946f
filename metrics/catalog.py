"""The catalog of metrics, features and protocols: names only, nothing heavy is loaded."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Literal

from customstudio.errors import UserError, did_you_mean
from customstudio.metrics.spec import MetricSpec, Score, VideoFeatures
from customstudio.records import Record

METRICS = (
    "clip_t",
    "clip_i",
    "dino_i",
    "temporal_consistency",
    "face_similarity",
    "stitch_score",
    "dynamic_degree",
    "temporal_consistency_all_pairs",
    "dino_temporal_consistency",
    "subject_dino",
    "aesthetic_quality",
    "motion_magnitude",
    "subject_presence",
    "identity_margin",
    "copy_paste",
)

LEFT_OUT = {
    "imaging_quality": "MUSIQ is to be had only in pyiqa, which needs opencv-python-headless "
    "beside opencv-python and openai-clip, which does not build on a current setuptools",
    "motion_smoothness": "no maintained package holds AMT, the interpolation network it needs",
}


class Feature(Record):
    """Something computed once for all metrics that need it."""

    source: Literal["frames", "pairs", "references", "references_masked", "text"]
    """What it is computed from; `pairs` are frame pairs 1/8 s apart. `dino.matches` is of frames
    too, each held against the references of the video's subjects."""
    networks: tuple[str, ...] = ()
    """Roles of the networks that make it, resolved by the protocol; none: OpenCV alone."""


FEATURES = {
    "clip.frames": Feature(source="frames", networks=("clip",)),
    "clip.text": Feature(source="text", networks=("clip",)),
    "clip.references": Feature(source="references", networks=("clip",)),
    "clip.references_masked": Feature(source="references_masked", networks=("clip",)),
    "dino.frames": Feature(source="frames", networks=("dino",)),
    "dino.references": Feature(source="references", networks=("dino",)),
    "dino.matches": Feature(source="frames", networks=("dino",)),
    "dino.resemblance": Feature(source="references", networks=("dino",)),
    "faces.frames": Feature(source="frames", networks=("faces",)),
    "faces.references": Feature(source="references", networks=("faces",)),
    "crops.frames": Feature(source="frames", networks=("detector", "dino")),
    "flow.motion": Feature(source="pairs", networks=("flow",)),
    "aesthetic.frames": Feature(source="frames", networks=("aesthetic",)),
    "seams.frames": Feature(source="frames"),
    "pasting.frames": Feature(source="frames"),
    "pasting.references": Feature(source="references"),
    "dis.motion": Feature(source="pairs"),
}


class Protocol(Record):
    """The named, versioned set of metrics and networks by which scores compare."""

    id: str
    about: str
    metrics: tuple[str, ...]
    networks: dict[str, str]
    """Role (`clip`, `dino`, `faces`, `flow`, `detector`, `aesthetic`) -> id in the manifest."""
    official: bool = True
    """False: its scores can never enter the official board."""
    options: dict[str, bool] = {}
    """Switches of the networks' frame handling, for example `flow.keep_padding`."""
    headline: dict[str, str] = {}
    """Metric -> key that this protocol reports for it, where that is not the metric itself."""

    def key(self, metric: str) -> str:
        """The key that this protocol reports for a metric."""
        return self.headline.get(metric, metric)


_OFFICIAL_NETWORKS = {
    "clip": "clip-vit-b32-openai",
    "dino": "dino-vits16",
    "faces": "insightface-buffalo-l",
    "flow": "raft-large-c-t-v1",
    "detector": "fasterrcnn-mobilenet-v3-large-fpn",
    "aesthetic": "laion-aesthetic-vit-l14",
}
_TOY_NETWORKS = {
    "clip": "toy-clip",
    "dino": "toy-dino",
    "faces": "toy-faces",
    "flow": "toy-flow",
    "detector": "toy-detector",
    "aesthetic": "toy-aesthetic",
}
_SEVEN = METRICS[:7]

PROTOCOLS = {
    protocol.id: protocol
    for protocol in (
        Protocol(
            id="customstudio-v1",
            about="the suite's own: seven metrics, per-subject means",
            metrics=_SEVEN,
            networks=_OFFICIAL_NETWORKS,
        ),
        Protocol(
            id="dreamvideo-script",
            about="as the public metric script of VGen/DreamVideo: pooled references",
            metrics=("clip_t", "clip_i", "dino_i", "temporal_consistency"),
            networks=_OFFICIAL_NETWORKS,
            headline={"clip_i": "clip_i.pooled", "dino_i": "dino_i.pooled"},
        ),
        Protocol(
            id="customconcept101",
            about="CLIP-T as 2.5 * max(cos, 0), pooled references",
            metrics=("clip_t", "clip_i", "dino_i"),
            networks=_OFFICIAL_NETWORKS,
            headline={
                "clip_t": "clip_t.x2_5",
                "clip_i": "clip_i.pooled",
                "dino_i": "dino_i.pooled",
            },
        ),
        Protocol(
            id="vbench",
            about="dynamic degree and aesthetic quality with VBench's own frame handling",
            metrics=("dynamic_degree", "aesthetic_quality"),
            networks=_OFFICIAL_NETWORKS,
            options={"flow.keep_padding": True, "aesthetic.no_antialias": True},
        ),
        Protocol(
            id="mini-v1",
            about="mini: networks of the embedded world, not comparable with official scores",
            metrics=tuple(m for m in METRICS if m not in ("subject_dino", "aesthetic_quality")),
            networks={role: f"mini-{role}" for role in ("clip", "dino", "faces", "flow")},
            official=False,
        ),
        Protocol(
            id="toy-v0",
            about="tiny untrained networks: shows that everything runs; its numbers mean nothing",
            metrics=METRICS,
            networks=_TOY_NETWORKS,
            official=False,
        ),
    )
}


def protocol(name: str) -> Protocol:
    """A protocol by its id.

    Raises:
        UserError: there is none of that name.
    """
    if name not in PROTOCOLS:
        raise UserError(
            f"unknown protocol {name!r}",
            where="--protocol",
            fix=did_you_mean(name, list(PROTOCOLS)),
        )
    return PROTOCOLS[name]


def spec(metric: str) -> MetricSpec:
    """A metric's declaration.

    Raises:
        UserError: there is no such metric, or it is left out (with the reason).
    """
    if metric in LEFT_OUT:
        raise UserError(
            f"metric {metric!r} is left out: {LEFT_OUT[metric]}",
            where="--metrics",
            fix=f"choose from: {', '.join(METRICS)}",
        )
    if metric not in METRICS:
        raise UserError(
            f"unknown metric {metric!r}", where="--metrics", fix=did_you_mean(metric, METRICS)
        )
    declared: MetricSpec = import_module(f"customstudio.metrics.{metric}").SPEC
    return declared


def score_function(metric: str) -> Callable[[VideoFeatures], dict[str, Score]]:
    """A metric's `score`: features of one video -> a Score for each of its keys."""
    spec(metric)
    function: Callable[[VideoFeatures], dict[str, Score]] = import_module(
        f"customstudio.metrics.{metric}"
    ).score
    return function


def features(metrics: Sequence[str]) -> tuple[str, ...]:
    """The union of the features that metrics and their variants need, in the table's order."""
    needed = set()
    for metric in metrics:
        declared = spec(metric)
        needed |= set(declared.needs.values())
        for variant in declared.variants:
            needed |= set(variant.needs.values())
    return tuple(name for name in FEATURES if name in needed)


def roles(names: Sequence[str]) -> tuple[str, ...]:
    """The roles of the networks that make these features."""
    needed = {role for name in names for role in FEATURES[name].networks}
    return tuple(sorted(needed))
