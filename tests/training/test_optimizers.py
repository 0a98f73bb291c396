"""AdamW and Muon, as the trainer makes them."""

import pytest
import torch
from torch import nn

from follow_your_click.training.config import OptimizerSettings
from follow_your_click.training.optimizers import make_optimizer

RATE = 0.01


def moved(model, kind):
    """By how much each parameter moves in the first step along random gradients, without decay of the weights."""
    settings = OptimizerSettings(learning_rate=RATE, weight_decay=0.0, kind=kind)
    optimizer = make_optimizer(model, settings)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    return {name: (value - before[name]).detach() for name, value in model.named_parameters()}


@pytest.mark.parametrize(("channels", "output"), [(8, 16), (8, 100)])
def test_muon_moves_a_convolution_in_all_directions_alike_by_a_fifth_of_the_rate(channels, output):
    torch.manual_seed(0)
    moves = moved(nn.Conv2d(channels, output, 3, bias=False), "muon")["weight"]
    values = torch.linalg.svdvals(moves.flatten(1))
    assert values.min() > 0.5 * values.max()
    assert float(moves.square().mean().sqrt()) == pytest.approx(0.2 * RATE, rel=0.2)


def test_muon_leaves_biases_and_norms_to_adamw():
    torch.manual_seed(0)
    moves = moved(nn.Sequential(nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)), "muon")
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.allclose(moves[name].abs(), torch.full((4,), RATE), rtol=1e-3), name


def test_adamw_moves_every_weight_by_the_rate():
    torch.manual_seed(0)
    moves = moved(nn.Conv2d(8, 4, 3), "adamw")
    for name, value in moves.items():
        assert torch.allclose(value.abs(), torch.full_like(value, RATE), rtol=1e-3), name


def test_a_model_without_matrices_is_trained_by_muon_too():
    assert moved(nn.BatchNorm2d(8), "muon")["weight"].all()


def test_what_is_frozen_stays():
    model = nn.Sequential(nn.Conv2d(8, 4, 3), nn.Conv2d(4, 4, 3))
    model[0].requires_grad_(False)
    moves = moved(model, "muon")
    assert not moves["0.weight"].any() and not moves["0.bias"].any() and moves["1.weight"].any()
