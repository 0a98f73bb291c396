"""What moves the weights: AdamW, or Muon (Jordan et al. 2024), which needs far fewer steps for the networks here."""

from __future__ import annotations

import torch
from torch import nn

from follow_your_click.training.config import OptimizerSettings


def make_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """The optimizer of a model's trained parameters.

    "muon": weights with two and more axes move by their orthogonalised momentum, those of convolutions as matrices of
    (output, the rest); everything else, biases and norms, by AdamW. Updates are scaled by the matrices' shape as in
    Moonlight (Liu et al. 2025), so that learning rate and weight decay are of AdamW's order.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.kind == "adamw":
        return torch.optim.AdamW(trained, lr=rate, betas=settings.betas, weight_decay=decay)
    from pytorch_optimizer import Muon

    matrices = {"params": [p for p in trained if p.ndim >= 2], "use_muon": True}
    others = {"params": [p for p in trained if p.ndim < 2], "use_muon": False}
    groups = [{**matrices, "use_adjusted_lr": True}, {**others, "betas": settings.betas}]
    groups = [{**group, "lr": rate, "weight_decay": decay} for group in groups if group["params"]]
    return Muon(groups)
