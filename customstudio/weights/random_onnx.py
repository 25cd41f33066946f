"""Random ONNX networks that insightface takes for its detector and its recogniser.

The detector has SCRFD's interface (scores, boxes and five landmarks at strides 8, 16 and 32, two
anchors a cell) on a plain residual network, not det_10g's own graph, which only its file holds;
the recogniser is an IResNet-50. Their toy twins are a few convolutions.
"""

from typing import Any

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

ANCHORS = 2
_LANDMARKS = ((-1.0, -0.8), (1.0, -0.8), (0.0, 0.1), (-0.8, 1.0), (0.8, 1.0))
"""Eyes, nose and corners of the mouth around the centre of a face, in half faces."""
_FACE = 3.0
"""Half a face, in strides."""


class Graph:
    """Collects nodes and random values of an ONNX graph."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._nodes: list[onnx.NodeProto] = []
        self._values: list[onnx.TensorProto] = []

    def value(self, array: np.ndarray) -> str:
        """A constant of the graph."""
        name = f"value{len(self._values)}"
        self._values.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, *shape: int, scale: float) -> str:
        """A constant of normal random values."""
        return self.value((scale * self._rng.standard_normal(shape)).astype(np.float32))

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """The output of a new node."""
        output = output or f"{kind.lower()}{len(self._nodes)}"
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name, **attributes))
        return output

    def conv(self, x: str, cin: int, cout: int, size: int = 3, stride: int = 1) -> str:
        """A convolution that keeps the size of its signal."""
        weight = self.normal(cout, cin, size, size, scale=(2.0 / (cin * size * size)) ** 0.5)
        pads, strides = [size // 2] * 4, [stride] * 2
        return self.node(
            "Conv", x, weight, self.normal(cout, scale=0.05), pads=pads, strides=strides
        )

    def prelu(self, x: str, channels: int) -> str:
        """A parametric ReLU of slope 1/4."""
        return self.node("PRelu", x, self.value(np.full((channels, 1, 1), 0.25, np.float32)))

    def norm(self, x: str, channels: int, kind: str) -> str:
        """InstanceNormalization, or BatchNormalization with statistics 0 and 1."""
        one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        inputs = [one, zero] if kind == "InstanceNormalization" else [one, zero, zero, one]
        return self.node(kind, x, *(self.value(array) for array in inputs))

    def residual(self, x: str, cin: int, cout: int, stride: int) -> str:
        """Two convolutions beside a short cut."""
        inner = self.prelu(self.conv(self.norm(x, cin, "BatchNormalization"), cin, cout), cout)
        inner = self.conv(inner, cout, cout, stride=stride)
        short = x if cin == cout and stride == 1 else self.conv(x, cin, cout, 1, stride)
        half = self.value(np.array(0.5, np.float32))
        return self.node("Mul", self.node("Add", inner, short), half)

    def model(self, inputs: tuple[int | str, ...], outputs: dict[str, int]) -> onnx.ModelProto:
        """The finished model: one image in, named rows out."""
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, inputs)
        rows = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"rows_{name}", width])
            for name, width in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "random", [image], rows, self._values)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="random")


def detection(*, toy: bool, seed: int) -> onnx.ModelProto:
    """A detector: a few faces in any picture that is not flat; toy: always at 128 x 128."""
    graph = Graph(np.random.default_rng([seed, 1]))
    widths, blocks = ((4, 8, 8, 8), (0, 0, 0, 0)) if toy else ((56, 88, 88, 224), (2, 3, 1, 2))
    x, channels = graph.prelu(graph.conv("image", 3, widths[0], stride=2), widths[0]), widths[0]
    rows: dict[str, list[str]] = {"score": [], "box": [], "landmark": []}
    for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        x = graph.residual(x, channels, width, 2)
        for _ in range(count):
            x = graph.residual(x, width, width, 1)
        channels = width
        if level:
            _head(graph, x, width, 4 << level, rows, threshold=3.8 if toy else 4.5)
    size: tuple[int | str, int | str] = (128, 128) if toy else ("height", "width")
    widths_out = {"score": 1, "box": 4, "landmark": 10}
    outputs = {name: widths_out[kind] for kind, names in rows.items() for name in names}
    return graph.model((1, 3, *size), outputs)


def recognition(*, toy: bool, seed: int) -> onnx.ModelProto:
    """A recogniser: 112 x 112 in, 512 numbers out (toy: 32)."""
    graph = Graph(np.random.default_rng([seed, 2]))
    if toy:
        x = graph.prelu(graph.conv("image", 3, 8, stride=4), 8)
        x, channels, dim = graph.prelu(graph.conv(x, 8, 8, stride=4), 8), 8, 32
    else:
        x, channels, dim = graph.prelu(graph.conv("image", 3, 64), 64), 64, 512
        for width, count in zip((64, 128, 256, 512), (3, 4, 14, 3), strict=True):
            for block in range(count):
                x = graph.residual(x, channels, width, 1 if block else 2)
                channels = width
    x = graph.norm(x, channels, "InstanceNormalization")  # else all pictures look alike
    cells = channels * 49
    weight, bias = graph.normal(cells, dim, scale=cells**-0.5), graph.normal(dim, scale=0.05)
    graph.node("Gemm", graph.node("Flatten", x), weight, bias, output="embedding")
    return graph.model(("batch", 3, 112, 112), {"embedding": dim})


def _head(
    graph: Graph, x: str, width: int, stride: int, rows: dict[str, list[str]], *, threshold: float
) -> None:
    """Scores that pass 0.5 in the few places where a normalised signal exceeds the threshold."""
    x = graph.norm(x, width, "InstanceNormalization")
    biases = {
        "score": [-threshold],
        "box": [_FACE] * 4,
        "landmark": [_FACE / 2 * value for point in _LANDMARKS for value in point],
    }
    for kind, bias in biases.items():
        gain = 1.0 if kind == "score" else 0.25
        count = len(bias) * ANCHORS
        weight = graph.normal(count, width, 1, 1, scale=gain * width**-0.5)
        y = graph.node("Conv", x, weight, graph.value(np.array(bias * ANCHORS, np.float32)))
        y = graph.node("Transpose", y, perm=[0, 2, 3, 1])
        shape = graph.value(np.array([-1, len(bias)], np.int64))
        name = f"{kind}_{stride}"
        final = kind == "score"
        y = graph.node("Reshape", y, shape, output="" if final else name)
        if final:
            graph.node("Sigmoid", y, output=name)
        rows[kind].append(name)
