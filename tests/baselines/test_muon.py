"""The optimizer of the mini base: matrices in all directions alike, the rest as AdamW."""

import numpy as np
import torch
from torch import nn

from customstudio.baselines.bases.mini.muon import FASTER, MOMENTUM, Muon, orthogonal

torch.set_num_threads(1)


def test_singular_values_are_made_alike() -> None:
    torch.manual_seed(0)
    tall = torch.randn(3, 40, 7) * torch.logspace(0, -1, 7)
    found = orthogonal(tall)
    u, _, v = torch.linalg.svd(tall, full_matrices=False)
    before = torch.linalg.svdvals(tall)
    assert before.amax() > 5 * before.amin()
    assert torch.linalg.svdvals(found).amin() > 0.6
    assert torch.linalg.svdvals(found).amax() < 1.3
    within = u.mT @ found @ v.mT  # in the matrix's own directions: diagonal, and positive
    along = torch.diagonal(within, dim1=1, dim2=2)
    assert along.amin() > 0.6
    assert torch.allclose(within, torch.diag_embed(along), atol=1e-4)


def test_a_step_on_a_matrix_is_the_papers() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 4, 3, 3))
    before, optimizer = weight.detach().clone(), Muon([("block.conv.weight", weight)], decay=0.1)
    optimizer.param_groups[0]["lr"] = 0.01
    weight.grad = torch.randn_like(weight)
    optimizer.step()
    # The first momentum is the gradient by 1 - MOMENTUM; scale does not matter to what follows.
    gradient = weight.grad.flatten(1)
    direction = orthogonal(gradient[None])[0].view_as(weight)
    expected = before * (1 - 0.01 * FASTER * 0.1) - 0.01 * FASTER * 0.2 * 36**0.5 * direction
    assert torch.allclose(weight, expected, atol=1e-5)
    assert torch.allclose(
        optimizer.state[weight]["momentum"], (1 - MOMENTUM) * weight.grad, atol=1e-6
    )


def test_the_rest_is_adamw() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.arange(5.0)) for _ in range(2))
    optimizer = Muon([("norm.bias", ours)], decay=0.01)
    reference = torch.optim.AdamW([theirs], 0.02, (0.9, 0.98), weight_decay=0.01)
    for _ in range(4):
        ours.grad = torch.randn(5)
        theirs.grad = ours.grad.clone()
        optimizer.param_groups[0]["lr"] = 0.02
        optimizer.step()
        reference.step()
    assert np.allclose(ours.detach(), theirs.detach(), atol=1e-6)


def test_a_table_of_tokens_is_no_matrix() -> None:
    table, weight = nn.Parameter(torch.ones(9, 4)), nn.Parameter(torch.ones(4, 4))
    named = [("text_encoder.token_embedding.weight", table), ("time_embedding.weight", weight)]
    groups = {g["matrices"]: g["params"] for g in Muon(named, decay=0.0).param_groups}
    assert groups[True][0] is weight
    assert groups[False][0] is table
