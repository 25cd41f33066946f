"""Where and with what a run was made."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from customstudio.evaluation.records import Environment

PACKAGES = (
    "av",
    "insightface",
    "numpy",
    "onnxruntime",
    "open_clip_torch",
    "opencv-python",
    "pandas",
    "pillow",
    "pyarrow",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)


def environment(device: str) -> Environment:
    """Versions, commit (where there is a checkout), platform and device."""
    commit, dirty = _checkout()
    return Environment(
        customstudio=_version("customstudio"),
        commit=commit,
        dirty=dirty,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        device_name=_device_name(device),
        packages={name: _version(name) for name in PACKAGES},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _checkout() -> tuple[str | None, bool | None]:
    folder = Path(__file__).resolve().parent
    git = ["git", "-C", str(folder)]
    try:
        # Only if this very file is tracked: an installed copy may lie inside another checkout.
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", __file__], check=True, capture_output=True
        )
        commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True)
        status = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit.stdout.decode().strip(), bool(status.stdout.strip())


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "CPU"
