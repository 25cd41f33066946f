"""The galleries of a run: each subject's reference patches, and those of whom it is told from.

Whom a subject is told apart from is decided by all videos of the run, whatever shard is computed:
first the subjects that share a video with it, then others of its category, by name.
"""

from collections.abc import Collection as Names
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float32, UInt8

from customstudio.errors import UserError, raise_all
from customstudio.evaluation.embedding import References
from customstudio.evaluation.items import Collection, ItemSubject
from customstudio.media.image import load_image
from customstudio.media.video import MediaError
from customstudio.metrics.backbones import matching, pasting
from customstudio.metrics.backbones.matching import Gallery
from customstudio.metrics.backbones.pasting import Picture
from customstudio.metrics.spec import Array


class Galleries:
    """Makes and keeps a gallery for each subject."""

    def __init__(self, references: References, collection: Collection) -> None:
        self._references, self._subjects = references, collection.subjects
        self._companions: dict[str, set[str]] = {name: set() for name in self._subjects}
        for item in collection.items:
            names = {subject.id for subject in item.subjects}
            for name in names:
                self._companions[name] |= names - {name}
        self.of = cache(self._of)
        self.resemblance = cache(self._resemblance)
        self.pictures = cache(self._pictures)

    def check(self, names: Sequence[str], features: Names[str]) -> None:
        """Make what some features need of some subjects now.

        Raises:
            UserError: images that cannot be read, all at once.
        """
        problems = []
        for name in names:
            try:
                if "dino.matches" in features:
                    self.resemblance(name)
                if "pasting.frames" in features:
                    self.pictures(name)
            except MediaError as error:
                problems.append(
                    UserError(
                        f"a reference image of {name}, or of a subject that it is told apart "
                        f"from, cannot be read: {error}",
                        where=", ".join(str(r.path) for r in self._subjects[name].references),
                        fix="replace it, or fetch it again: customstudio data fetch SUITE",
                    )
                )
        raise_all(problems)

    def strangers(self, name: str) -> list[str]:
        """The subjects that one is told apart from, at most `matching.STRANGERS`."""
        category = self._subjects[name].category
        alike = {
            other.id
            for other in self._subjects.values()
            if category is not None and other.category == category and other.id != name
        }
        ordered = [*sorted(self._companions[name]), *sorted(alike - self._companions[name])]
        return [n for n in ordered if self._subjects[n].references][: matching.STRANGERS]

    def matches(
        self, frames: Float32[Array, "frames patches dim"], subjects: Sequence[ItemSubject]
    ) -> Float32[Array, "frames columns"]:
        """`matching.matches` of every subject of a video, side by side."""
        frames = matching.unit32(frames)
        return np.hstack([matching.matches(frames, self.of(s.id)) for s in subjects])

    def pasted(
        self, frames: UInt8[Array, "frames h w 3"], subjects: Sequence[ItemSubject]
    ) -> Float32[Array, "searched columns"]:
        """`pasting.pasted` of every subject of a video, side by side."""
        pictures = [picture for s in subjects for picture in self.pictures(s.id)]
        return pasting.pasted(frames, pictures)

    def _pictures(self, name: str) -> tuple[Picture, ...]:
        images = (load_image(reference.path) for reference in self._subjects[name].references)
        return tuple(pasting.picture(image) for image in images)

    def _of(self, name: str) -> Gallery:
        own, masks = self._references.patches(self._subjects[name])
        others = [self._references.patches(self._subjects[n]) for n in self.strangers(name)]
        strangers = tuple(image for images, _ in others for image in images)
        dim = self._references.patch_dim
        everyone = np.concatenate(strangers) if strangers else np.empty((0, dim), np.float32)
        return Gallery(
            own=matching.foreground(own, masks, everyone),
            whole=tuple(own),
            others=tuple(
                np.concatenate(matching.foreground(images, m, np.empty((0, dim), np.float32)))
                for images, m in others
            ),
            strangers=strangers,
        )

    def _resemblance(self, name: str) -> Float32[Array, "images 3"]:
        return matching.resemblance(self.of(name))
