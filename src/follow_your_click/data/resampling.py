"""Batched, anti-aliased resampling of image windows as two matrix products.

Axes: B images, C channels, H W rows and columns of the source, O rows and columns of the result.
A window is cut, flipped, scaled and low-passed in one step on any device, without a loop over
images of different scales, which `torch.nn.functional.interpolate` would need.
"""

import torch
from torch import Tensor


def resample_windows(
    pictures: Tensor,
    *,
    start: Tensor,
    extent: Tensor,
    sizes: Tensor,
    smoothing: Tensor,
    flip: Tensor,
    output: int,
    outside: bool,
) -> Tensor:
    """Cut one square-sampled window out of each picture.

    Args:
        pictures: (B, C, H, W) float, padded at the right and the bottom.
        start: (B, 2) the window's top left corner (x, y) in source pixels.
        extent: (B,) the window's side in source pixels.
        sizes: (B, 2) the true (width, height) of each picture inside its padding.
        smoothing: (B,) width of the low-pass in source pixels; below 1 counts as 1.
        flip: (B,) bool, mirror the result left to right.
        output: side O of the result in samples.
        outside: True lets samples beyond the picture be 0 (for cut-outs); False stretches the
            picture's edge instead (for photos).

    Returns:
        (B, C, O, O), not clamped: the kernel is cubic and may overshoot by a few percent.
    """
    steps = (torch.arange(output, device=pictures.device) + 0.5) / output
    across = steps.expand(len(pictures), output)
    columns = torch.where(flip[:, None], 1.0 - across, across)
    x = start[:, :1] + columns * extent[:, None] - 0.5
    y = start[:, 1:] + across * extent[:, None] - 0.5
    right = _weights(x, pictures.shape[-1], sizes[:, 0], smoothing, outside)
    down = _weights(y, pictures.shape[-2], sizes[:, 1], smoothing, outside)
    return down[:, None] @ (pictures @ right.transpose(1, 2)[:, None])


def _weights(at: Tensor, length: int, true_length: Tensor, width: Tensor, outside: bool) -> Tensor:
    """Rows of the resampling matrix: (B, O, length) for sample positions `at` (B, O)."""
    pixel = torch.arange(length, device=at.device, dtype=at.dtype)
    scale = width.clamp(min=1.0)[:, None, None]
    if not outside:
        at = at.clamp(min=0.0).minimum(true_length[:, None] - 1.0)
    weights = _cubic((pixel - at[:, :, None]) / scale)
    weights = weights * (pixel < true_length[:, None, None])
    if outside:
        return weights / scale
    return weights / weights.sum(dim=-1, keepdim=True)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -1/2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x <= 1.0, near, torch.where(x < 2.0, far, torch.zeros_like(x)))
