"""The autoencoder's objective: moved latents are held to moved photos."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from follow_your_click.training.autoencoder import AutoencoderObjective
from follow_your_click.training.config import AutoencoderSettings


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Mirror(nn.Module):
    """An autoencoder whose latents are the picture: moved latents show a moved picture."""

    def __init__(self, wrong=0.0):
        super().__init__()
        self.wrong = nn.Parameter(torch.tensor(wrong))

    def encode(self, image):
        return SimpleNamespace(latents=image)

    def decode(self, latents):
        return SimpleNamespace(sample=latents + self.wrong)


def loss_of(model, **settings):
    built = AutoencoderSettings(kind="autoencoder", crop_size=32, l1_weight=0.0, **settings)
    objective = AutoencoderObjective(model, [], [], built)
    pictures = torch.rand(8, 3, 32, 32, generator=generator(1))
    return {
        k: float(v.detach()) for k, v in objective.loss(pictures, generator=generator()).items()
    }


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_latents_that_move_with_the_picture_cost_nothing(share):
    assert loss_of(Mirror(), moved_share=share, latent_noise=0.0)["loss"] < 1e-10


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_error_counts_the_same_whether_moved_or_not(share):
    # Pixels that came in from outside count for nothing, the others for as much more.
    assert loss_of(Mirror(0.5), moved_share=share, latent_noise=0.0)["mse"] == pytest.approx(0.25)


def test_latents_that_stay_while_the_picture_moves_cost_something():
    class Deaf(Mirror):
        def decode(self, latents):
            return SimpleNamespace(sample=torch.zeros_like(latents) + self.wrong)

    assert loss_of(Deaf(), moved_share=1.0, latent_noise=0.0)["loss"] > 0.1
