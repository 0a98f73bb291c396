"""Several regions in one clip: each latent position reads the motion prompt and the strength of its own region.

Axis legend: B batch, F frames, R regions, P positions (of one or of all frames), N tokens, C channels, H W rows, columns.

This is attention restricted to the region's own text (as in regional prompting), weighted by how much of a position
belongs to each region, so that the rim between two regions has both in their shares.
"""

from __future__ import annotations

from typing import cast

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor


def region_shares(masks: Tensor) -> Tensor:
    """Masks (B, R, H, W), 0 ... 1, the later on top -> shares (B, R + 1, H, W) of a background and the regions.

    The background comes first. Shares of a position are 1 in sum.
    """
    left = torch.ones_like(masks[:, :1])
    shares = []
    for mask in masks.flip(1).split(1, dim=1):
        shares.append(left * mask)
        left = left * (1 - mask)
    return torch.cat([left, *reversed(shares)], dim=1)


def regional_attention(
    attention: Attention,
    query: Tensor,
    text: Tensor,
    shares: Tensor | None,
    images: list[Tensor] | None = None,
) -> Tensor:
    """Cross-attention of (B, P, C) to text (B, N, D); with shares (B, R, P) to texts (B, R, N, D), by their shares.

    images: what each IP-Adapter reads beside the text, (B, images, tokens, D).
    """
    if images is not None and len(text) != len(images[0]):  # texts per frame
        images = [each.repeat_interleave(len(text) // len(each), dim=0) for each in images]

    def read(of: Tensor) -> Tensor:
        told = of if images is None else (of, images)
        return cast(Tensor, attention(query, encoder_hidden_states=told))

    if shares is None:
        return read(text)
    update = torch.zeros_like(query)
    for index, share in enumerate(shares.unbind(dim=1)):
        told = read(text[:, index])
        update = update + share.unsqueeze(-1).to(told) * told
    return update


def regional_resnet(block: ResnetBlock2D, hidden: Tensor, time: Tensor, shares: Tensor) -> Tensor:
    """diffusers' residual block (B F, C, H, W) with an embedding (B F, R, E) for each region, added by its shares.

    The blocks of `RegionalMotionUNet` neither scale by the embedding nor resample.
    """
    update = block.conv1(block.nonlinearity(block.norm1(hidden)))
    embedded = block.time_emb_proj(block.nonlinearity(time))
    frames = len(hidden) // len(shares)
    places = shares.repeat_interleave(frames, dim=0).to(embedded)
    update = update + torch.einsum("nrc,nrhw->nchw", embedded, places)
    update = block.conv2(block.dropout(block.nonlinearity(block.norm2(update))))
    if block.conv_shortcut is not None:
        hidden = block.conv_shortcut(hidden)
    return cast(Tensor, (hidden + update) / block.output_scale_factor)
