"""The trained face networks as ONNX graphs that insightface loads.

Batch normalisation is folded into the convolutions before it; values are kept as float16 and cast
to float32 when a session starts. No node may be called Sub or Mul: insightface would take that for
a network that scales its pixels itself.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from customstudio.mini.face_networks import (
    ANCHORS,
    DETECTOR_SIDE,
    DIM,
    RECOGNISER_SIDE,
    STRIDES,
    Convolution,
    Detector,
    Recogniser,
    Residual,
)
from customstudio.mini.shapes import Array


class Graph:
    """Collects nodes and values of an ONNX graph."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._values: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """The output of a new node."""
        name = f"{kind}_{len(self._nodes)}"
        output = output or name.lower()
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name, **attributes))
        return output

    def value(self, array: Array) -> str:
        """A constant; numbers with a fraction take half their room."""
        name = f"value{len(self._values)}"
        short = array.astype(np.float16) if array.dtype.kind == "f" else array
        self._values.append(numpy_helper.from_array(np.ascontiguousarray(short), name))
        return self.node("Cast", name, to=TensorProto.FLOAT) if array.dtype.kind == "f" else name

    def add(self, module: nn.Module, x: str) -> str:
        """The output of a module of `face_networks` on x."""
        if isinstance(module, Convolution):
            weight, bias = folded(module)
            conv: Any = module[0]
            pads = [*conv.padding, *conv.padding]
            inputs = (x, self.value(weight), self.value(bias))
            x = self.node("Conv", *inputs, strides=conv.stride, pads=pads, group=conv.groups)
            return self.node("Relu", x) if len(module) == 3 else x
        if isinstance(module, Residual):
            inner = self.add(module.second, self.add(module.first, x))
            return self.node("Relu", self.node("Add", x, inner))
        for part in module.children():
            x = self.add(part, x)
        return x

    def model(
        self, inputs: tuple[int | str, ...], outputs: dict[str, tuple[int | str, int]]
    ) -> onnx.ModelProto:
        """The finished model: pictures in, named rows out."""
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, inputs)
        rows = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "mini", [image], rows, self._values)
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="mini")
        onnx.checker.check_model(model)
        return model


def folded(module: Convolution) -> tuple[Array, Array]:
    """Weight and bias of a convolution and its normalisation together."""
    conv: Any = module[0]
    norm: Any = module[1]
    mean, variance = _array(norm.running_mean), _array(norm.running_var)
    factor = _array(norm.weight) / np.sqrt(variance + norm.eps)
    weight = _array(conv.weight) * factor[:, None, None, None]
    return weight, _array(norm.bias) - mean * factor


def detector_graph(network: Detector) -> onnx.ModelProto:
    """Rows of scores, boxes and landmarks, each at strides 8, 16 and 32, in SCRFD's order."""
    graph = Graph()
    outputs: dict[str, tuple[int | str, int]] = {}
    x = graph.add(network.stem, "image")
    features = []
    for level in network.levels:
        x = graph.add(level, x)
        features.append(x)
    for kind, width in (("score", 1), ("box", 4), ("landmark", 10)):
        for stride, feature, part in zip(STRIDES, features, network.heads, strict=True):
            head: Any = part
            columns = _columns(kind)
            weight, bias = _array(head.weight)[columns], _array(head.bias)[columns]
            y = graph.node("Conv", feature, graph.value(weight), graph.value(bias))
            y = graph.node("Transpose", y, perm=[0, 2, 3, 1])
            name, final = f"{kind}_{stride}", kind == "score"
            shape = graph.value(np.array([-1, width], np.int64))
            y = graph.node("Reshape", y, shape, output="" if final else name)
            if final:
                graph.node("Sigmoid", y, output=name)
            outputs[name] = (ANCHORS * (DETECTOR_SIDE // stride) ** 2, width)
    return graph.model((1, 3, DETECTOR_SIDE, DETECTOR_SIDE), outputs)


def recogniser_graph(network: Recogniser) -> onnx.ModelProto:
    """Embeddings, not normalised."""
    graph = Graph()
    x = "image"
    for part in (network.stem, network.stages, network.pool):
        x = graph.add(part, x)
    linear = network.linear
    weight, bias = graph.value(_array(linear.weight)), graph.value(_array(linear.bias))
    graph.node("Gemm", graph.node("Flatten", x), weight, bias, output="embedding", transB=1)
    return graph.model(
        ("batch", 3, RECOGNISER_SIDE, RECOGNISER_SIDE), {"embedding": ("batch", DIM)}
    )


def _columns(kind: str) -> list[int]:
    """Which channels of a head belong to scores, boxes or landmarks: one anchor, then the other."""
    if kind == "score":
        return list(range(ANCHORS))
    low, high = (0, 4) if kind == "box" else (4, 14)
    return [ANCHORS + 14 * anchor + k for anchor in range(ANCHORS) for k in range(low, high)]


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().numpy(), np.float32)
