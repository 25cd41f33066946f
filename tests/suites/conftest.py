"""Small pictures, a suite of two subjects, and a web server that breaks off on demand."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from customstudio.suites.schema import Pair, Prompt, Subject, Suite, VideoSpec

Draw = Callable[..., bytes]


@pytest.fixture
def draw() -> Draw:
    """Writes a small noisy picture and returns the file's bytes."""

    def picture(path: Path, seed: int = 0, size: tuple[int, int] = (24, 16)) -> bytes:
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = size
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(path)
        return path.read_bytes()

    return picture


@pytest.fixture
def refs(tmp_path: Path, draw: Draw) -> Path:
    """References of `pet_cat` (two, one with a mask) and `toy_duck` (one)."""
    root = tmp_path / "media" / "refs"
    draw(root / "pet_cat" / "00.jpg", seed=1)
    draw(root / "pet_cat" / "01.png", seed=2)
    draw(root / "toy_duck" / "00.jpg", seed=3)
    draw(tmp_path / "media" / "masks" / "pet_cat" / "00.png", seed=4)
    return root


def subject(name: str, noun: str, path: str, dataset: str = "Photos") -> Subject:
    return Subject(
        id=name,
        class_noun=noun,
        prompt_noun=noun,
        category="pet",
        source_dataset=dataset,
        source_path=path,
        n_images=2,
        n_images_status="exact",
        licence="CC0",
        evidence="made for this test",
    )


@pytest.fixture
def suite() -> Suite:
    """A cat and a duck, one pair, one prompt, two seeds."""
    subjects = (
        subject("pet_cat", "cat", "dataset/cat"),
        subject("toy_duck", "orange duck", "dataset/duck"),
    )
    return Suite(
        name="toy",
        version="t1",
        title="Toy",
        label="made for a test",
        source="tests",
        prompt_set="one",
        prompt_sets=("one",),
        seeds=(0, 1),
        video=VideoSpec(frames=8, fps=8.0, width=64, height=48),
        subjects={s.id: s for s in subjects},
        pairs={
            "pet_cat+toy_duck": Pair(
                id="pet_cat+toy_duck",
                subjects=("pet_cat", "toy_duck"),
                type="[pet, pet]",
                template_set="T",
                evidence="made for this test",
            )
        },
        prompts={
            "T-1": Prompt(
                id="T-1", text="a <c1> and a <c2>", template_set="T", source="s", problems=("none",)
            )
        },
    )


@dataclass
class Web:
    """A server's files, how it misbehaves, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """For each path, after how many bytes of the body the next connections break."""
    status: dict[str, list[int]] = field(default_factory=dict)
    """For each path, error codes that the next requests get."""
    etag: str = '"v1"'
    ranges: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on this machine that knows ranges and ETags."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.ranges.append((self.path, wanted))
            if state.status.get(self.path):
                return self.send_error(state.status[self.path].pop(0))
            if self.path not in state.files:
                return self.send_error(404)
            content, start = state.files[self.path], 0
            if wanted and self.headers.get("If-Range") == state.etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    return self.send_error(416)
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            body = content[start:]
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", state.etag)
            self.end_headers()
            cuts = state.cuts.get(self.path)
            self.wfile.write(body[: cuts.pop(0)] if cuts else body)
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
