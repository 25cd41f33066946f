"""The small world's face detector and face recogniser, as they are trained.

The detector has the interface of SCRFD (Guo et al., ICLR 2022, arXiv:2105.04714): scores, boxes
and five landmarks at strides 8, 16 and 32, two anchors a cell. The recogniser ends as
MobileFaceNet does (Chen et al., 2018, arXiv:1804.07573), in one weight for each cell and channel,
before its linear layer.
"""

from jaxtyping import Float32
from torch import Tensor, nn

STRIDES = (8, 16, 32)
ANCHORS = 2
DETECTOR_SIDE, RECOGNISER_SIDE = 128, 112
DIM = 128


class Convolution(nn.Sequential):
    """Convolution without bias, batch normalisation, and ReLU unless told otherwise."""

    def __init__(
        self,
        cin: int,
        cout: int,
        size: int = 3,
        stride: int = 1,
        *,
        whole: bool = False,
        relu: bool = True,
    ) -> None:
        """`whole`: a map of that size to one cell, each channel for itself."""
        pad, groups = (0, cin) if whole else ((size - 1) // 2, 1)
        conv = nn.Conv2d(cin, cout, size, stride, pad, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(cout), *([nn.ReLU()] if relu else []))


class Residual(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(width, width), Convolution(width, width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        out: Tensor = (x + self.second(self.first(x))).relu()
        return out


def stage(cin: int, cout: int, blocks: int) -> nn.Sequential:
    """Half the size, then residual blocks."""
    return nn.Sequential(Convolution(cin, cout, stride=2), *(Residual(cout) for _ in range(blocks)))


class Detector(nn.Module):
    """Faces on a picture of 128 x 128 pixels, scaled to (x - 127.5) / 128."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Convolution(3, 16, stride=2), stage(16, 24, 1))
        self.levels = nn.ModuleList([stage(24, 48, 2), stage(48, 56, 1), stage(56, 56, 0)])
        self.heads = nn.ModuleList([nn.Conv2d(width, ANCHORS * 15, 1) for width in (48, 56, 56)])
        for head in self.heads:
            nn.init.constant_(head.bias[:ANCHORS], -4.0)  # type: ignore[index]  # a tensor

    def forward(self, x: Float32[Tensor, "n 3 128 128"]) -> list[Float32[Tensor, "n side side 30"]]:
        """At each stride: logits of both anchors, then their boxes, then their landmarks."""
        x, found = self.stem(x), []
        for level, head in zip(self.levels, self.heads, strict=True):
            x = level(x)
            found.append(head(x).permute(0, 2, 3, 1))
        return found


class Recogniser(nn.Module):
    """An embedding of an aligned face of 112 x 112 pixels, scaled to (x - 127.5) / 127.5."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Convolution(3, 24, 5, 4), Residual(24))
        self.stages = nn.Sequential(stage(24, 48, 2), stage(48, 96, 1))
        self.pool = Convolution(96, 96, 7, whole=True, relu=False)
        self.linear = nn.Linear(96, DIM)

    def forward(self, x: Float32[Tensor, "n 3 112 112"]) -> Float32[Tensor, "n dim"]:
        """Not normalised."""
        out: Tensor = self.linear(self.pool(self.stages(self.stem(x))).flatten(1))
        return out
