"""The autoencoder: shapes, identity of fresh blocks, diffusers' interface, files."""

import pytest
import torch

from follow_your_click.models.autoencoder import ConvAutoencoder, ResidualBlock

TINY = {
    "latent_channels": 4,
    "encoder_channels": (16, 16),
    "encoder_blocks": (1, 1),
    "decoder_channels": (16, 16, 8),
    "decoder_blocks": (1, 1, 1),
}


def tiny():
    torch.manual_seed(0)
    return ConvAutoencoder(**TINY).eval()


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (40, 96)])
@torch.no_grad()
def test_latents_are_an_eighth_of_the_image_and_images_come_back_at_its_size(size):
    image = images(2, 3, *size)
    model = tiny()
    latents = model.encode(image).latents
    assert latents.shape == (2, 4, size[0] // 8, size[1] // 8)
    assert model.decode(latents).sample.shape == image.shape


@torch.no_grad()
def test_a_fresh_residual_block_is_the_identity():
    hidden = images(1, 6, 5, 7)
    assert torch.equal(ResidualBlock(6)(hidden), hidden)


@torch.no_grad()
def test_interface_of_diffusers_autoencoders():
    model, image = tiny(), images(1, 3, 16, 16)
    latents = model.encode(image).latents
    assert torch.equal(model.encode(image, return_dict=False)[0], latents)
    sample = model.decode(latents).sample
    assert torch.equal(model.decode(latents, return_dict=False)[0], sample)
    assert torch.equal(model(image), sample)
    assert model.config.scaling_factor == 1.0


@torch.no_grad()
def test_latents_are_normalised_by_the_running_statistics_and_use_leaves_them_alone():
    model, image = tiny(), images(4, 3, 32, 32)
    model.train()
    for _ in range(700):  # statistics follow by 2 % a step
        model.encode(image)
    model.eval()
    latents = model.encode(image).latents
    variance, mean = torch.var_mean(latents, dim=(0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(4), atol=0.02, rtol=0)
    torch.testing.assert_close(variance, torch.ones(4), atol=0.05, rtol=0)
    before = model.latent_norm.running_mean.clone()
    model.encode(image * 0.1)
    assert torch.equal(model.latent_norm.running_mean, before)


@torch.no_grad()
def test_a_batch_equals_its_images_one_by_one():
    model, image = tiny(), images(3, 3, 16, 24)
    singles = torch.cat([model(one[None]) for one in image])
    torch.testing.assert_close(model(image), singles, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_save_and_load_round_trip(tmp_path):
    model, image = tiny(), images(1, 3, 16, 16)
    model.latent_norm.running_mean.fill_(0.3)
    model.save_pretrained(tmp_path)
    again = ConvAutoencoder.from_pretrained(tmp_path)
    assert tuple(again.config["decoder_channels"]) == TINY["decoder_channels"]
    assert torch.equal(again(image), model(image))
