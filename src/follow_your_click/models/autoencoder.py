"""The image autoencoder of the embedded model: 8x smaller in each direction, decoded fast on a CPU.

Axis legend: B batch (frames count as batch), C channels, H W rows and columns, h w latent rows and columns.

The interface is that of diffusers' autoencoders (`encode(...).latents`, `decode(...).sample`, `config.scaling_factor`).
The weight of the work lies at a quarter and an eighth of the resolution: pixels are folded into channels (pixel
unshuffle) at the entrance and unfolded at the exit, because full-resolution convolutions are what makes a TAESD-sized
decoder slow on a CPU.
"""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))); the last convolution starts at zero, so a fresh block is the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.conv_2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, hidden: Tensor) -> Tensor:
        update: Tensor = self.conv_2(torch.relu(self.conv_1(torch.relu(hidden))))
        return hidden + update


class ConvAutoencoder(ModelMixin, ConfigMixin):
    """Convolutional autoencoder, images (B, 3, H, W) in [-1, 1] <-> latents (B, C, H/8, W/8) of unit variance.

    H and W are multiples of 8. Latents are normalised per channel by running statistics, so `scaling_factor` is 1.

    Args:
        latent_channels: C; 4, 8 and 16 have been built.
        encoder_channels: widths at 1/4 and 1/8 of the resolution.
        encoder_blocks: residual blocks at 1/4 and 1/8.
        decoder_channels: widths at 1/8, 1/4 and 1/2.
        decoder_blocks: residual blocks at 1/8, 1/4 and 1/2.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        encoder_channels: tuple[int, int] = (64, 128),
        encoder_blocks: tuple[int, int] = (1, 2),
        decoder_channels: tuple[int, int, int] = (128, 64, 32),
        decoder_blocks: tuple[int, int, int] = (3, 2, 1),
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        quarter, eighth = encoder_channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(3 * 16, quarter, 3, padding=1),
            *(ResidualBlock(quarter) for _ in range(encoder_blocks[0])),
            nn.Conv2d(quarter, eighth, 4, stride=2, padding=1),
            *(ResidualBlock(eighth) for _ in range(encoder_blocks[1])),
            nn.Conv2d(eighth, latent_channels, 3, padding=1),
        )
        self.latent_norm = nn.BatchNorm2d(latent_channels, affine=False, momentum=0.02)
        eighth, quarter, half = decoder_channels
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, eighth, 3, padding=1),
            *(ResidualBlock(eighth) for _ in range(decoder_blocks[0])),
            nn.Conv2d(eighth, quarter * 4, 3, padding=1),
            nn.PixelShuffle(2),
            *(ResidualBlock(quarter) for _ in range(decoder_blocks[1])),
            nn.Conv2d(quarter, half * 4, 3, padding=1),
            nn.PixelShuffle(2),
            *(ResidualBlock(half) for _ in range(decoder_blocks[2])),
            nn.Conv2d(half, 3 * 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple[Tensor]:
        """Latents (B, C, H/8, W/8) of images (B, 3, H, W) in [-1, 1]."""
        latents = self.latent_norm(self.encoder(x))
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(self, z: Tensor, return_dict: bool = True) -> DecoderOutput | tuple[Tensor]:
        """Images (B, 3, 8h, 8w), about [-1, 1] (not clamped), of latents (B, C, h, w)."""
        sample = self.decoder(z)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of images (B, 3, H, W) in [-1, 1]."""
        sample: Tensor = self.decoder(self.latent_norm(self.encoder(x)))
        return sample
