"""Faces of references as prompts: insightface's embeddings, of length one."""

import numpy as np
import torch

from customstudio.baselines.collage import read_pictures
from customstudio.baselines.image_prompts import WITHOUT, animatediff
from customstudio.baselines.task import Bases, Task, TaskSubject
from customstudio.baselines.tuned import Tuned
from customstudio.errors import UserError, raise_all
from customstudio.metrics import backbones


def embed_faces(bases: Bases, task: Task, network: str, *, refuse: bool) -> Tuned:
    """The embedding of the surest face of each reference that shows one, by subject.

    Args:
        network: the face network's id.
        refuse: a subject without a face is an error, not only a pair without any.

    Raises:
        UserError: there are such subjects: all of them.
    """
    device = str(animatediff(bases, task).device)
    faces = bases.network(network, lambda found: backbones.load("faces", found, device=device))
    pictures = read_pictures(task.subjects, masks=False, remove_background=False)
    images, faceless = {}, []
    for number, (subject, own) in enumerate(zip(task.subjects, pictures, strict=True), 1):
        found = [rows[0] for rows in (faces.find(picture.image) for picture in own) if len(rows)]
        if found:
            rows = np.stack(found)
            images[str(number)] = torch.from_numpy(rows / np.linalg.norm(rows, axis=1)[:, None])
        else:
            faceless.append(subject)
    if refuse or not images:
        raise_all([_no_face(subject) for subject in faceless])
    without = torch.zeros_like(next(iter(images.values()))[:1])
    return Tuned(images={**images, WITHOUT: without})


def _no_face(subject: TaskSubject) -> UserError:
    return UserError(
        f"no face is found in any of the {len(subject.references)} references of {subject.id}",
        where=str(subject.references[0].path.parent),
        fix="choose pairs of people (--pairs), give other references, or --set without_face=text "
        "where another subject of the pair has a face",
    )
