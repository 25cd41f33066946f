"""Learnable tokens `<new1>`, `<new2>`, ...: rows beside the text encoder's own embedding.

The encoder's embedding is left as it is: ids from its vocabulary on are looked up in rows of their
own, so that an optimizer with weight decay cannot touch any other row. Where a base has two text
encoders, a token's row holds its embedding in the first and, behind that, in the second.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from customstudio.baselines.bases.video_model import VideoModel

TOKENS = tuple(f"<new{index}>" for index in range(1, 65))
RARE = ("ktn", "pll", "ucd")
"""Rare words that stand for no thing, as Custom Diffusion's public defaults name them."""


class TokenRows(nn.Module):
    """An embedding whose first ids are another's and whose last are its own rows.

    Args:
        rows: may be wider than the embedding: those of several encoders.
        columns: which of a row are this embedding's.
    """

    def __init__(
        self, base: nn.Module, rows: nn.Parameter, vocabulary: int, columns: slice = slice(None)
    ) -> None:
        super().__init__()
        self.base = base
        self.rows = rows
        self.vocabulary = vocabulary
        self.columns = columns

    def forward(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape dim"]:
        """Embeddings of ids."""
        learnt = ids >= self.vocabulary
        own: Tensor = self.base(ids.masked_fill(learnt, 0))
        rows = self.rows[:, self.columns]
        new = rows[(ids - self.vocabulary).clamp(min=0).masked_fill(~learnt, 0)]
        return torch.where(learnt[..., None], new.to(own.dtype), own)


@contextmanager
def token_rows(model: VideoModel, rows: Mapping[str, Tensor]) -> Iterator[TokenRows]:
    """Let the text encoders know tokens, for as long as this lasts.

    Args:
        rows: token -> its embedding; `<new1>`, `<new2>`, ... without gaps.

    Raises:
        ValueError: the rows are not of these tokens, or of another base.
    """
    names = TOKENS[: len(rows)]
    if not rows or set(rows) != set(names):
        raise ValueError(f"rows of {sorted(rows)}; expected {names}")
    _teach(model)
    stacked = nn.Parameter(torch.stack([rows[name].to(model.device) for name in names]))
    encoders = [encoder for _, encoder in model.encoders]
    before = [encoder.get_input_embeddings() for encoder in encoders]
    ends = [0, *accumulate(embedding.weight.shape[1] for embedding in before)]
    if stacked.shape[1] != ends[-1]:
        raise ValueError(f"rows of {stacked.shape[1]} numbers, not {ends[-1]}: of another base")
    own = [
        TokenRows(base, stacked, model.vocabulary, slice(*columns))
        for base, columns in zip(before, pairwise(ends), strict=True)
    ]
    for encoder, embedding in zip(encoders, own, strict=True):
        encoder.set_input_embeddings(embedding)
    try:
        yield own[0]
    finally:
        for encoder, base in zip(encoders, before, strict=True):
            encoder.set_input_embeddings(base)


def initial_rows(
    model: VideoModel, nouns: Sequence[str], start: Literal["rare", "noun"]
) -> dict[str, Tensor]:
    """Where tokens start: at a rare word, or at their subject's noun (the mean of its pieces)."""
    words = [RARE[i % len(RARE)] if start == "rare" else noun for i, noun in enumerate(nouns)]
    return {token: _embedding(model, word) for token, word in zip(TOKENS, words, strict=False)}


def extended(prompt: str, count: int) -> str:
    """A prompt in which several tokens stand for each subject, as `run_fit` numbers their rows.

    >>> extended("a <new1> cat and a <new2> dog", 2)
    'a <new1> <new2> cat and a <new3> <new4> dog'
    """

    def own(found: re.Match[str]) -> str:
        first = (int(found[1]) - 1) * count
        return " ".join(TOKENS[first : first + count])

    return re.sub(r"<new(\d+)>", own, prompt)


def columns(
    ids: Int[Tensor, "batch tokens"], model: VideoModel, subjects: int, *, nouns: bool = False
) -> Int[Tensor, "batch subjects tokens"]:
    """1 where a position is the K-th subject's token, and at the piece after it for `nouns`."""
    wanted = torch.arange(subjects, device=ids.device) + model.vocabulary
    at = (ids[:, None, :] == wanted[None, :, None]).int()
    return at | at.roll(1, dims=-1) if nouns else at


def _embedding(model: VideoModel, words: str) -> Tensor:
    found = []
    for tokenizer, encoder in model.encoders:
        ids = tokenizer(words, add_special_tokens=False, return_tensors="pt").input_ids[0]
        weight: Tensor = encoder.get_input_embeddings().weight
        found.append(weight[ids.to(weight.device)].mean(0).detach().float().cpu())
    return torch.cat(found)


def _teach(model: VideoModel) -> None:
    """Give a tokenizer the tokens, all at once, so that a token's id is always the same."""
    for tokenizer, _ in model.encoders:
        tokenizer.add_tokens(list(TOKENS))
        first = tokenizer.convert_tokens_to_ids(TOKENS[0])
        if first != model.vocabulary:
            raise ValueError(
                f"{TOKENS[0]} has id {first}, the embedding has {model.vocabulary} rows"
            )
