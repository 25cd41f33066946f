"""A base while a method is fitted: what trains, what came out, and all as it was afterwards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from customstudio.baselines.adapters import PROJECTIONS, TEXT_PROJECTIONS, TEXT_TARGETS, lora
from customstudio.baselines.bases.video_model import VideoModel
from customstudio.baselines.bottlenecks import bottlenecks
from customstudio.baselines.option_sets import Layers, TrainingOptions
from customstudio.baselines.seeds import seed_of
from customstudio.baselines.spectral import shifting
from customstudio.baselines.task import Bases, Task
from customstudio.baselines.tokens import TOKENS, TokenRows, initial_rows, token_rows
from customstudio.baselines.training import train
from customstudio.baselines.tuned import Tuned, replaced


@dataclass(frozen=True)
class Fitting:
    """The parameters that a method may train, by what they are."""

    embedding: TokenRows
    weights: dict[str, nn.Parameter] = field(default_factory=dict)
    adapters: dict[str, nn.Parameter] = field(default_factory=dict)
    text_adapters: dict[str, nn.Parameter] = field(default_factory=dict)
    shifts: dict[str, nn.Parameter] = field(default_factory=dict)
    bottlenecks: dict[str, nn.Parameter] = field(default_factory=dict)

    def outcome(self) -> Tuned:
        """Their values now, copied to the CPU."""
        rows = zip(TOKENS, _copy(self.embedding.rows), strict=False)
        return Tuned(
            weights={name: _copy(weight) for name, weight in self.weights.items()},
            rows=dict(rows),
            lora={name: _copy(adapter) for name, adapter in self.adapters.items()},
            text_lora={name: _copy(adapter) for name, adapter in self.text_adapters.items()},
            shifts={name: _copy(shift) for name, shift in self.shifts.items()},
            bottlenecks={name: _copy(part) for name, part in self.bottlenecks.items()},
        )


@contextmanager
def fitting(
    model: VideoModel,
    rows: Mapping[str, Tensor],
    *,
    weights: Mapping[str, nn.Parameter] | None = None,
    rank: int = 0,
    projections: Sequence[str] = PROJECTIONS,
    text_rank: int = 0,
    shifts: Layers | None = None,
    bottleneck: float = 0.0,
    seed: int = 0,
) -> Iterator[Fitting]:
    """Token rows, existing weights and new adapters to train; the base is restored at the end.

    Args:
        rows: where the tokens start.
        weights: parameters of the UNet that will change.
        rank: of low-rank adapters; 0: none.
        projections: which of an attention's four have one.
        text_rank: of low-rank adapters in the text encoder; 0: none.
        shifts: the layers whose singular values have shifts.
        bottleneck: width of identity adapters, as a share of their layer's; 0: none.
        seed: of the adapters' first values.
    """
    own = dict(weights or {})
    with ExitStack() as stack:
        embedding = stack.enter_context(token_rows(model, rows))
        embedding.requires_grad_(False)
        stack.enter_context(replaced(model, {n: w.detach() for n, w in own.items()}))
        adapters: dict[str, nn.Parameter] = {}
        if rank:
            adapters = stack.enter_context(
                lora(model.unet, rank=rank, seed=seed, projections=projections)
            )
            model.unet.requires_grad_(False)
        text_adapters: dict[str, nn.Parameter] = {}
        if text_rank:
            text_adapters = stack.enter_context(
                lora(
                    model.text_encoder, targets=TEXT_TARGETS, rank=text_rank, seed=seed,
                    projections=TEXT_PROJECTIONS,
                )
            )  # fmt: skip
            model.text_encoder.requires_grad_(False)
        deltas = stack.enter_context(shifting(model.unet, shifts)) if shifts else {}
        for delta in deltas.values():
            delta.requires_grad_(False)
        narrow: dict[str, nn.Parameter] = {}
        if bottleneck:
            narrow = stack.enter_context(bottlenecks(model.unet, share=bottleneck, seed=seed))
        yield Fitting(embedding, own, adapters, text_adapters, deltas, narrow)


def run_fit(
    bases: Bases,
    task: Task,
    options: TrainingOptions,
    loss: Callable[[int], Tensor],
    on_step: Callable[[], None],
    *,
    weights: Mapping[str, nn.Parameter] | None = None,
    rank: int = 0,
    projections: Sequence[str] = PROJECTIONS,
    text_rank: int = 0,
    text_rate: float | None = None,
    shifts: Layers | None = None,
    bottleneck: float = 0.0,
    tokens: bool = True,
    tokens_each: int = 1,
    from_rows: Mapping[str, Tensor] | None = None,
    others: Sequence[nn.Parameter] = (),
) -> Tuned:
    """Train on one pair and return what came out; the base is as before.

    Args:
        loss: of a step, by its number.
        weights: parameters of the UNet to train.
        rank: of low-rank adapters to train in the spatial attention; 0: none.
        projections: which of an attention's four have one.
        text_rank: of low-rank adapters to train in the text encoder; 0: none.
        text_rate: their learning rate; None: as for the rest.
        shifts: the layers whose singular values train, by shifts.
        bottleneck: width of identity adapters to train, as a share of their layer's; 0: none.
        tokens: whether the subjects' tokens train; they stay at their start otherwise.
        tokens_each: how many a subject has; prompts name them as `tokens.extended` does.
        from_rows: where the tokens start; None: as the options say.
        others: parameters that the loss has of its own; they are not part of what comes out.
    """
    nouns = [subject.noun for subject in task.subjects for _ in range(tokens_each)]
    rows = from_rows or initial_rows(bases.main, nouns, options.start)
    seed = seed_of("adapters", task.suite, task.pair)
    with fitting(
        bases.main, rows,
        weights=weights, rank=rank, projections=projections, text_rank=text_rank, shifts=shifts,
        bottleneck=bottleneck, seed=seed,
    ) as state:  # fmt: skip
        parameters = [*state.weights.values(), *state.adapters.values(), *state.shifts.values()]
        parameters += state.bottlenecks.values()
        parameters += [state.embedding.rows] if tokens else []
        parameters += others
        rated = {options.rate: parameters}
        if state.text_adapters:
            of_text = rated.setdefault(text_rate or options.rate, [])
            of_text += state.text_adapters.values()
        train(rated, options, loss, on_step)
        return state.outcome()


def _copy(parameter: Tensor) -> Tensor:
    return torch.clone(parameter.detach()).cpu()
