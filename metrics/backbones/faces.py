"""Faces: insightface's SCRFD detector and ArcFace recogniser.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022,
arXiv:2105.04714; Deng et al., "ArcFace", CVPR 2019, arXiv:1801.07698. Part of the definition of
`face_similarity` version 1: pack buffalo_l (det_10g, w600k_r50), one detection size of 640 x 640
(the frame is scaled to fit and put in the upper left corner), score at least 0.5, non-maximum
suppression at 0.4, alignment of five landmarks to 112 x 112. ONNX Runtime computes in float32
whatever the run's precision, on CUDA where its CUDA build is installed. The toy's and the small
world's own detectors take 128 x 128 pixels, whatever is asked of them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from skimage.transform import SimilarityTransform

from customstudio.errors import UserError
from customstudio.metrics.spec import Array

if TYPE_CHECKING:
    from customstudio.weights.store import Located

SIZE, SCORE = 640, 0.5


class Faces:
    """A face detector and a face recogniser."""

    def __init__(self, detector: Any, recogniser: Any, landmarks: Array) -> None:
        self._detector, self._recogniser, self._landmarks = detector, recogniser, landmarks
        detector.prepare(0, input_size=(SIZE, SIZE), det_thresh=SCORE)
        self._side = int(detector.input_sizes[0][0])  # 128 where the network takes no other
        self.dim = int(recogniser.get_feat(np.zeros((112, 112, 3), np.uint8)).shape[1])

    def find(self, frame: UInt8[Array, "height width 3"]) -> Float32[Array, "faces dim"]:
        """Embeddings of the faces of an RGB frame, best detection first; not normalised."""
        rows = [self.embed(frame, points) for points in self.landmarks(frame)]
        kept = [row for row in rows if row is not None]
        return np.array(kept, np.float32).reshape(-1, self.dim)

    def landmarks(self, frame: UInt8[Array, "height width 3"]) -> Float32[Array, "faces 5 2"]:
        """Eyes, nose and corners of the mouth of each face in pixels, best detection first."""
        return self._detect(frame)[1]

    def boxes(self, frame: UInt8[Array, "height width 3"]) -> Float32[Array, "faces 4"]:
        """Left, top, right and bottom of each face in pixels, best detection first."""
        return self._detect(frame)[0]

    def embed(
        self, frame: UInt8[Array, "height width 3"], points: Float32[Array, "5 2"]
    ) -> Float32[Array, "dim"] | None:
        """The embedding of one face; None where its landmarks coincide."""
        matrix = similarity(points, self._landmarks)
        if matrix is None:
            return None
        aligned = cv2.warpAffine(_bgr(frame), matrix, (112, 112), borderValue=0.0)
        return np.asarray(self._recogniser.get_feat(aligned)[0], np.float32)

    def _detect(
        self, frame: UInt8[Array, "height width 3"]
    ) -> tuple[Float32[Array, "faces 4"], Float32[Array, "faces 5 2"]]:
        height, width = frame.shape[:2]
        if max(height, width) > self._side * min(height, width):  # no pixel would be left across
            return np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32)
        boxes, landmarks = self._detector.detect(_bgr(frame))
        points = np.asarray(landmarks, np.float32).reshape(-1, 5, 2)
        return np.asarray(boxes, np.float32).reshape(-1, 5)[:, :4], points


def _bgr(frame: UInt8[Array, "height width 3"]) -> UInt8[Array, "height width 3"]:
    """OpenCV's order, which insightface expects."""
    return np.ascontiguousarray(frame[:, :, ::-1])


def similarity(
    points: Float[Array, "n 2"], targets: Float[Array, "n 2"]
) -> Float[Array, "2 3"] | None:
    """Rotation, scale and shift that bring points to targets with the least squared error.

    The same scikit-image estimate as in insightface's `norm_crop`, which still calls it by a name
    that scikit-image is about to remove. None where the points coincide.
    """
    found = SimilarityTransform.from_estimate(points, targets)
    return np.asarray(found.params[:2], np.float64) if found else None


def load(located: "Located", *, device: str, precision: str, options: Mapping[str, bool]) -> Faces:
    """Detector and recogniser from a located network; insightface's own download never runs."""
    from insightface.utils.face_align import arcface_dst

    detection, recognition = located.files.values()
    detector = _model(detection, "detection", device)
    if not detector.use_kps:
        raise _wrong(detection, "it gives no landmarks")
    return Faces(detector, _model(recognition, "recognition", device), arcface_dst)


def _model(path: Path, task: str, device: str) -> Any:
    import onnxruntime
    from insightface.model_zoo import get_model

    onnxruntime.set_default_logger_severity(3)
    cuda = device.startswith("cuda")
    here = cuda and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    index = int(device.partition(":")[2] or 0)
    first = [("CUDAExecutionProvider", {"device_id": index})] if here else []
    try:
        model = get_model(str(path), providers=[*first, "CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no common class
        raise _wrong(path, str(error).splitlines()[0]) from error
    if getattr(model, "taskname", None) != task:
        raise _wrong(path, f"insightface takes it for {getattr(model, 'taskname', 'nothing')}")
    return model


def _wrong(path: Path, why: str) -> UserError:
    return UserError(
        f"not the expected ONNX network: {why}",
        where=str(path),
        fix="remove it and run `customstudio weights fetch` again",
    )
