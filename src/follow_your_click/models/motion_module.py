"""The temporal half of the U-Net: AnimateDiff's motion module with the paper's motion-augmented (MA) cross-attention.

Axis legend: B batch, F frames, C channels, H W rows and columns, N tokens.

State-dict keys are those of diffusers' `AnimateDiffTransformer3D`; the MA layer adds `norm_text` and `attn_text`.
"""

from __future__ import annotations

from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from einops import rearrange
from torch import Tensor, nn

from follow_your_click.models.regions import regional_attention


class MotionTransformerBlock(nn.Module):
    """Two temporal self-attentions, the MA cross-attention and a feed-forward, each with a residual.

    Args:
        channels: width of the tokens.
        num_attention_heads: heads of every attention here.
        max_frames: length of the table of sinusoidal frame positions.
        text_dim: width of the motion prompt's embeddings; None leaves the MA layer out.
    """

    def __init__(
        self, channels: int, num_attention_heads: int, *, max_frames: int, text_dim: int | None
    ) -> None:
        super().__init__()
        head_dim = channels // num_attention_heads
        self.pos_embed = SinusoidalPositionalEmbedding(channels, max_seq_length=max_frames)
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads=num_attention_heads, dim_head=head_dim)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, heads=num_attention_heads, dim_head=head_dim)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")
        self.attn_text: Attention | None = None
        if text_dim is not None:
            self.norm_text = nn.LayerNorm(channels)
            self.attn_text = Attention(
                channels, cross_attention_dim=text_dim, heads=num_attention_heads, dim_head=head_dim
            )
            nn.init.zeros_(self.attn_text.to_out[0].weight)
            nn.init.zeros_(self.attn_text.to_out[0].bias)

    def forward(
        self,
        hidden: Tensor,
        motion_text: Tensor | None,
        batch_size: int,
        shares: Tensor | None = None,
    ) -> Tensor:
        """hidden (B H W, F, C), motion_text (B, N, D) or (B F, N, D) -> (B H W, F, C).

        With several regions motion_text is (B, R, N, D) and shares (B, R, H W).
        """
        hidden = hidden + self.attn1(self.pos_embed(self.norm1(hidden)))
        hidden = hidden + self.attn2(self.pos_embed(self.norm2(hidden)))
        if self.attn_text is not None and motion_text is not None:
            # All positions and frames of a clip in one sequence: the text is projected once per clip.
            frames = hidden.shape[1]
            query = self.pos_embed(self.norm_text(hidden))
            if shares is None and len(motion_text) != batch_size:  # a text per frame
                query = rearrange(query, "(b n) f c -> (b f) n c", b=batch_size)
                update = regional_attention(self.attn_text, query, motion_text, None)
                update = rearrange(update, "(b f) n c -> (b n) f c", f=frames)
            else:
                query = rearrange(query, "(b n) f c -> b (n f) c", b=batch_size)
                if shares is not None:
                    shares = shares.repeat_interleave(frames, dim=2)
                update = regional_attention(self.attn_text, query, motion_text, shares)
                update = rearrange(update, "b (n f) c -> (b n) f c", f=frames)
            hidden = hidden + update
        output: Tensor = hidden + self.ff(self.norm3(hidden))
        return output


class MotionModule(nn.Module):
    """Attention along the frames at every position, added to the hidden state.

    Args:
        channels: width of the hidden state; a multiple of `norm_num_groups` and `num_attention_heads`.
        num_layers: transformer blocks (one in AnimateDiff v2 and in the paper).
    """

    def __init__(
        self,
        channels: int,
        *,
        num_attention_heads: int,
        norm_num_groups: int,
        max_frames: int,
        text_dim: int | None,
        num_layers: int = 1,
    ) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_num_groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(
            MotionTransformerBlock(
                channels, num_attention_heads, max_frames=max_frames, text_dim=text_dim
            )
            for _ in range(num_layers)
        )
        self.proj_out = nn.Linear(channels, channels)

    def forward(
        self,
        hidden: Tensor,
        *,
        num_frames: int,
        motion_text: Tensor | None = None,
        shares: Tensor | None = None,
    ) -> Tensor:
        """hidden (B F, C, H, W), motion_text (B, N, D) or None -> (B F, C, H, W).

        With several regions motion_text is (B, R, N, D) and shares (B, R, H, W).
        """
        height, width = hidden.shape[-2:]
        clips = rearrange(hidden, "(b f) c h w -> b c f h w", f=num_frames)
        tokens = rearrange(self.norm(clips), "b c f h w -> (b h w) f c")
        tokens = self.proj_in(tokens)
        for block in self.transformer_blocks:
            places = None if shares is None else shares.flatten(2)
            tokens = block(tokens, motion_text, clips.shape[0], places)
        update: Tensor = self.proj_out(tokens)
        return hidden + rearrange(update, "(b h w) f c -> (b f) c h w", h=height, w=width)
