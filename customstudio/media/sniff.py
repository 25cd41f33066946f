"""Tells what a file is from its first bytes; its name says nothing."""

from typing import Literal

from customstudio.media.limits import MediaError

Kind = Literal["mov", "matroska", "avi", "gif", "webp"]
HEAD_BYTES = 64
"""How many first bytes `video_kind` wants."""

# The first atom of the QuickTime family; files older than `ftyp` begin with any of the others.
_ATOMS = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_STILL_BRANDS = frozenset({b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"})
_REFUSED = (
    (b"#EXTM3U", "a playlist (HLS)"),
    (b"ffconcat", "a playlist (ffconcat)"),
    (b"[playlist]", "a playlist (PLS)"),
    (b"\x89PNG", "a still image (PNG)"),
    (b"\xff\xd8\xff", "a still image (JPEG)"),
    (b"BM", "a still image (BMP)"),
    (b"II*\0", "a still image (TIFF)"),
    (b"MM\0*", "a still image (TIFF)"),
    (b"OggS", "an Ogg file"),
    (b"FLV\x01", "an FLV file"),
    (b"ID3", "a sound file (MP3)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself"),
)


def video_kind(head: bytes) -> Kind:
    """The container that begins with `head`.

    >>> video_kind(b"GIF89a" + bytes(58))
    'gif'
    >>> video_kind(b"#EXTM3U ...")
    Traceback (most recent call last):
    customstudio.media.limits.MediaError: a playlist (HLS), not a video

    Raises:
        MediaError: it is none of mp4/mov, webm/mkv, avi, gif and webp; says what it looks like.
    """
    if head[4:8] in _ATOMS and not (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    raise MediaError(f"{_looks_like(head)}, not a video")


def _looks_like(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for start, name in _REFUSED:
        if text.startswith(start):
            return name
    if head[4:8] == b"ftyp":
        return "a still image (AVIF or HEIC)"
    if text.startswith(b"<"):
        return "a page or XML text (SVG, DASH, HTML)"
    if not any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in head):
        return "a text"
    return "a file of unknown format"
