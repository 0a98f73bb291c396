"""Optical flow of many pairs of frames at once: one protocol, OpenCV's DIS on a CPU, torchvision's RAFT on a GPU.

Axes: P pairs, H W rows and columns. Images uint8 RGB; flows float32 (x, y) in pixels, `target(x + flow(x)) ~ source(x)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from follow_your_click.data.engine.config import FlowSettings
from follow_your_click.errors import MissingExtraError, ModelError
from follow_your_click.flow import Float32Array, UInt8Array, dense_flow

RAFT_STRIDE = 8  # px: RAFT works on sides that are multiples of it
RAFT_MIN_SIDE = 128  # px: below, RAFT's correlation pyramid has no level left
RAFT_EXTRA = "RAFT needs torchvision: pip install 'follow-your-click[flow-raft]'"


class FlowEstimator(Protocol):
    """Anything that can say where pixels went."""

    def flows(self, sources: UInt8Array, targets: UInt8Array) -> Float32Array:
        """Images (P, H, W, 3) each -> flows (P, H, W, 2)."""
        ...


class DISFlow:
    """OpenCV DIS as everywhere else in this package (`flow.dense_flow`).

    Args:
        full_resolution: four times the time, half the error on small objects (discs of 2 % of the frame, known
            shifts of 0.7 to 6 px: 0.91 of the true strength instead of 0.75).
    """

    def __init__(self, *, full_resolution: bool = False) -> None:
        self._full_resolution = full_resolution

    def flows(self, sources: UInt8Array, targets: UInt8Array) -> Float32Array:
        pairs = zip(sources, targets, strict=True)
        return np.stack([dense_flow(s, t, full_resolution=self._full_resolution) for s, t in pairs])


class RAFTFlow:
    """RAFT large of torchvision, as in the paper (Teed and Deng, 2020).

    Args:
        weights: a state dict saved by torch or safetensors; None lets torchvision fetch its own.
        batch_size: pairs at once.

    Raises:
        MissingExtraError: torchvision is not installed.
        ModelError: the weights cannot be had.
    """

    def __init__(self, *, device: str, weights: Path | None, batch_size: int) -> None:
        try:
            from torchvision.models.optical_flow import Raft_Large_Weights, raft_large
        except ImportError as error:
            raise MissingExtraError(RAFT_EXTRA) from error
        import torch

        self._device = torch.device(device)
        self._batch_size = batch_size
        try:
            if weights is None:
                model = raft_large(weights=Raft_Large_Weights.C_T_SKHT_V2, progress=False)
            else:
                model = raft_large(weights=None)
                model.load_state_dict(_state_dict(weights))
        except (OSError, RuntimeError) as error:
            raise ModelError(
                f"RAFT's weights cannot be loaded: {str(error).splitlines()[0]}; give flow.weights a file"
            ) from error
        self._model = model.to(self._device).eval().requires_grad_(False)

    def flows(self, sources: UInt8Array, targets: UInt8Array) -> Float32Array:
        import torch
        from torch.nn import functional

        pairs, height, width = sources.shape[:3]
        size = tuple(
            max(RAFT_MIN_SIDE, RAFT_STRIDE * round(side / RAFT_STRIDE)) for side in (height, width)
        )
        found = np.empty((pairs, height, width, 2), np.float32)
        for start in range(0, pairs, self._batch_size):
            here = slice(start, start + self._batch_size)
            images = []
            for part in (sources[here], targets[here]):
                image = torch.from_numpy(np.ascontiguousarray(part)).to(self._device)
                image = image.permute(0, 3, 1, 2).float() / 127.5 - 1
                images.append(functional.interpolate(image, size=size, mode="bilinear"))
            with torch.inference_mode():
                flow = self._model(*images)[-1]
                flow = functional.interpolate(flow, size=(height, width), mode="bilinear")
            per_axis = np.array([width / size[1], height / size[0]], np.float32)
            found[here] = flow.permute(0, 2, 3, 1).float().cpu().numpy() * per_axis
        return found


def flow_estimator(settings: FlowSettings) -> FlowEstimator:
    """The estimator that the settings name; errors as `RAFTFlow`."""
    if settings.method == "raft":
        return RAFTFlow(
            device=settings.device, weights=settings.weights, batch_size=settings.batch_size
        )
    return DISFlow(full_resolution=settings.method == "dis-fine")


def _state_dict(file: Path) -> dict[str, object]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(file))
    import torch

    state: dict[str, object] = torch.load(file, map_location="cpu", weights_only=True)
    return state
