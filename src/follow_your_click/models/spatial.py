"""The spatial half of the U-Net: diffusers' `Transformer2DModel` for clips, same state-dict keys.

Axis legend: B batch, F frames, C channels, H W rows and columns, N tokens.

It differs in one thing: text keys and values are projected once per clip, not once per frame.
"""

from __future__ import annotations

from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from einops import rearrange
from torch import Tensor, nn

from follow_your_click.models.regions import regional_attention


class SpatialTransformerBlock(nn.Module):
    """Self-attention within each frame, cross-attention to the caption, feed-forward."""

    def __init__(self, channels: int, num_attention_heads: int, *, text_dim: int) -> None:
        super().__init__()
        head_dim = channels // num_attention_heads
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads=num_attention_heads, dim_head=head_dim)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(
            channels, cross_attention_dim=text_dim, heads=num_attention_heads, dim_head=head_dim
        )
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")

    def forward(
        self,
        hidden: Tensor,
        text: Tensor,
        shares: Tensor | None = None,
        images: list[Tensor] | None = None,
    ) -> Tensor:
        """hidden (B F, H W, C), text (B, N, D) or (B F, N, D) -> (B F, H W, C).

        With several regions text is (B, R, N, D) and shares (B, R, H W). images: an IP-Adapter's each.
        """
        hidden = hidden + self.attn1(self.norm1(hidden))
        positions = hidden.shape[1]
        query = rearrange(self.norm2(hidden), "(b f) n c -> b (f n) c", b=text.shape[0])
        if shares is not None:
            shares = shares.repeat(1, 1, query.shape[1] // positions)
        update = regional_attention(self.attn2, query, text, shares, images)
        hidden = hidden + rearrange(update, "b (f n) c -> (b f) n c", n=positions)
        output: Tensor = hidden + self.ff(self.norm3(hidden))
        return output


class SpatialTransformer(nn.Module):
    """Transformer over the positions of each frame, added to the hidden state."""

    def __init__(
        self,
        channels: int,
        *,
        num_attention_heads: int,
        norm_num_groups: int,
        text_dim: int,
        num_layers: int = 1,
    ) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_num_groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList(
            SpatialTransformerBlock(channels, num_attention_heads, text_dim=text_dim)
            for _ in range(num_layers)
        )
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(
        self,
        hidden: Tensor,
        text: Tensor,
        shares: Tensor | None = None,
        images: list[Tensor] | None = None,
    ) -> Tensor:
        """hidden (B F, C, H, W), text (B, N, D) or (B F, N, D) -> (B F, C, H, W).

        With several regions text is (B, R, N, D) and shares (B, R, H, W). images: an IP-Adapter's each.
        """
        height = hidden.shape[-2]
        tokens = rearrange(self.proj_in(self.norm(hidden)), "b c h w -> b (h w) c")
        for block in self.transformer_blocks:
            tokens = block(tokens, text, None if shares is None else shares.flatten(2), images)
        update: Tensor = self.proj_out(rearrange(tokens, "b (h w) c -> b c h w", h=height))
        return hidden + update
