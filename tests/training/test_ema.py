"""The moving average of weights against its recurrence."""

import pytest
import torch
from torch import nn

from follow_your_click.training.ema import averaged_model


def scalar(value):
    model = nn.Linear(1, 1, bias=False)
    set_to(model, value)
    return model


def set_to(model, value):
    nn.init.constant_(model.weight, value)


def test_constant_weights_are_their_own_average_exactly():
    model = scalar(0.1)
    ema = averaged_model(model, decay=0.99)
    for _ in range(50):
        ema.update_parameters(model)
    assert torch.equal(ema.module.weight, model.weight)


def test_the_average_follows_its_recurrence_through_the_warm_up():
    model, decay = scalar(0.0), 0.5
    ema = averaged_model(model, decay=decay)
    expected = None
    for count, value in enumerate([3.0, -1.0, 2.0, 5.0, 0.5, 1.5, -2.0, 4.0, 1.0, 0.0]):
        set_to(model, value)
        ema.update_parameters(model)
        keep = min(decay, (1 + count) / (10 + count))
        expected = value if expected is None else keep * expected + (1 - keep) * value
        assert ema.module.weight.item() == pytest.approx(expected, abs=1e-5)


def test_the_initial_weights_are_forgotten_at_once():
    model = scalar(1e6)
    ema = averaged_model(model, decay=0.999)
    set_to(model, 1.0)
    ema.update_parameters(model)
    assert ema.module.weight.item() == 1.0


def test_a_long_run_averages_over_the_inverse_of_1_minus_decay():
    model = scalar(0.0)
    ema = averaged_model(model, decay=0.9)
    for _ in range(200):
        ema.update_parameters(model)
    set_to(model, 1.0)
    for _ in range(10):
        ema.update_parameters(model)
    assert ema.module.weight.item() == pytest.approx(1 - 0.9**10, abs=1e-5)


def test_buffers_are_averaged_and_counters_copied():
    model = nn.BatchNorm1d(2)
    ema = averaged_model(model, decay=0.9)
    for value in (1.0, 2.0):
        model.running_mean.fill_(value)
        model.num_batches_tracked += 1
        ema.update_parameters(model)
    assert ema.module.num_batches_tracked.item() == 2
    assert 1.0 < ema.module.running_mean[0].item() < 2.0
