"""Objective of the autoencoder: photos back from their latents.

Axis legend: B batch, C channels, H W rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.training.config import AutoencoderSettings
from follow_your_click.training.objective import step_generator

PSNR_SIZE = 256  # px: the size at which the reconstruction is held to its figure
LATENT_POSITION = 8  # px per latent position

# How far latents are moved in training: radians, and the logarithm of the scale; shifts reach one position.
MOVED_ANGLE, MOVED_SCALE = 0.35, 0.2


@dataclass
class AutoencoderObjective:
    """L2 with a little L1 between crops and their reconstructions, latents perturbed by noise.

    A share of the latents is shifted, turned and scaled at random before decoding and held to the photo moved in the
    same way, so that moved latents show a moved picture (EQ-VAE, Kouzelis et al. 2025, with shifts by parts of a position).

    Args:
        model: the autoencoder under training.
        photos: uint8 tensors (3, H, W), at least `settings.short_sides[0]` px on the short side.
        held_out: photos for validation, same form.
        settings: crop size and weights.
    """

    model: ConvAutoencoder
    photos: Sequence[Tensor]
    held_out: Sequence[Tensor]
    settings: AutoencoderSettings

    def batch(self, batch_size: int, *, seed: int, step: int) -> Tensor:
        """Crops (B, 3, S, S) in [-1, 1], at random scales, half of them mirrored."""
        generator = step_generator(seed, step, next(self.model.parameters()).device)
        crops = [self._crop(generator) for _ in range(batch_size)]
        return torch.stack(crops).to(generator.device)

    def _crop(self, generator: torch.Generator) -> Tensor:
        def integer(low: int, high: int) -> int:
            return int(
                torch.randint(low, high + 1, (), generator=generator, device=generator.device)
            )

        size = self.settings.crop_size
        photo = self.photos[integer(0, len(self.photos) - 1)]
        low, high = self.settings.short_sides
        short = min(photo.shape[-2:])
        span = min(round(size * short / integer(low, high)), short)
        top, left = integer(0, photo.shape[-2] - span), integer(0, photo.shape[-1] - span)
        window = photo[None, :, top : top + span, left : left + span].float() / 127.5 - 1
        window = F.interpolate(window, (size, size), mode="bilinear", antialias=True)[0]
        return window.flip(-1) if integer(0, 1) else window

    def loss(self, batch: Tensor, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error + l1_weight * mean absolute error, in units of [-1, 1]."""
        latents = self.model.encode(batch).latents  # type: ignore[union-attr]
        noise = torch.randn(
            latents.shape, generator=generator, device=latents.device, dtype=latents.dtype
        )
        target, known = batch, torch.ones_like(batch[:, :1])
        if self.settings.moved_share > 0:
            moves = self._draw_moves(len(batch), generator)
            latents, target, known = (_moved(x, moves) for x in (latents, target, known))
            known = (known > 0.999).to(batch)  # not what came in from outside
        reconstruction = self.model.decode(latents + self.settings.latent_noise * noise).sample  # type: ignore[union-attr]
        difference = (reconstruction - target) * known / known.mean().clamp(min=0.1)
        squared, absolute = (difference * (reconstruction - target)).mean(), difference.abs().mean()
        return {"loss": squared + self.settings.l1_weight * absolute, "mse": squared.detach()}

    def _draw_moves(self, count: int, generator: torch.Generator) -> Tensor:
        """Affine maps (B, 2, 3) as `F.affine_grid` takes them, `moved_share` of them not the identity."""
        device = generator.device

        def draw(reach: float) -> Tensor:
            return reach * (2 * torch.rand(count, generator=generator, device=device) - 1)

        angle, scale = draw(MOVED_ANGLE), draw(MOVED_SCALE).exp()
        position = 2 * LATENT_POSITION / self.settings.crop_size
        shift = torch.stack([draw(position), draw(position)], dim=-1)
        cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
        rows = torch.stack([cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]], dim=-1)
        still = torch.tensor([1.0, 0, 0, 0, 1.0, 0], device=device)
        chosen = torch.rand(count, generator=generator, device=device) < self.settings.moved_share
        return torch.where(chosen[:, None], rows, still).reshape(-1, 2, 3)

    def validate(self, model: nn.Module) -> tuple[dict[str, float], Image.Image | None]:
        """PSNR in dB at 256 px (mean over photos, 8-bit output) and a sheet of pairs."""
        device = next(model.parameters()).device
        scores: list[float] = []
        moved_scores: list[float] = []
        half = torch.tensor([[[1.0, 0, 0.5], [0, 1.0, 0.5]]], device=device)
        half[:, :, 2] *= 2 * LATENT_POSITION / PSNR_SIZE
        rows: list[Tensor] = []
        for photo in self.held_out:
            image = centre_crop(photo, PSNR_SIZE).to(device)
            output = to_uint8(model(image.float() / 127.5 - 1))
            error = (output.float() - image.float()).square().mean()
            scores.append(float(10 * torch.log10(255**2 / error)))
            moved_scores.append(self._moved_psnr(model, image, half))
            if len(rows) < 6:
                rows.append(torch.cat([image[0], output[0]], dim=1))
        sheet = torch.cat(rows, dim=2).permute(1, 2, 0).cpu().numpy()
        figures = {
            "psnr": sum(scores) / len(scores),
            "psnr_moved_latents": sum(moved_scores) / len(moved_scores),
        }
        return figures, Image.fromarray(sheet)

    @staticmethod
    def _moved_psnr(model: nn.Module, image: Tensor, move: Tensor) -> float:
        """Decoded latents, shifted by half a position, against the photo shifted alike, without its border."""
        pixels = image.float() / 127.5 - 1
        shifted = model.decode(_moved(model.encode(pixels).latents, move)).sample  # type: ignore[operator]
        inner = slice(2 * LATENT_POSITION, -2 * LATENT_POSITION)
        error = (to_uint8(shifted).float() - (_moved(pixels, move) + 1) * 127.5)[..., inner, inner]
        return float(10 * torch.log10(255**2 / error.square().mean()))


def _moved(image: Tensor, moves: Tensor) -> Tensor:
    """Images (B, C, H, W) under affine maps (B, 2, 3), zero where nothing is known."""
    size = list(image.shape)
    grid = F.affine_grid(moves.to(image), size, align_corners=False)
    return F.grid_sample(image, grid, align_corners=False)


def centre_crop(photo: Tensor, size: int) -> Tensor:
    """The central square of a uint8 photo (3, H, W), resized: (1, 3, size, size) uint8."""
    short = min(photo.shape[-2:])
    top, left = (photo.shape[-2] - short) // 2, (photo.shape[-1] - short) // 2
    square = photo[None, :, top : top + short, left : left + short].float()
    return F.interpolate(square, (size, size), mode="bilinear", antialias=True).round().byte()


def to_uint8(image: Tensor) -> Tensor:
    """[-1, 1] -> 0 ... 255."""
    return ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
