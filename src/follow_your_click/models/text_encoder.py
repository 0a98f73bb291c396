"""The embedded model's text encoder: pretrained static word vectors, read by a small trained transformer.

Axis legend: B batch, N tokens, D channels, K motions.

The vectors, one for each of 75,000 English words and word pieces, say what a sentence encoder (all-MiniLM-L6-v2, Apache-2.0)
and a language model's tokens (WordLlama, MIT) make of a word; `scripts/word_vectors.py` made the table. It comes with this package,
is never trained and is not stored in checkpoints. Static vectors know that "waft" is like "drift"; the transformer
adds what depends on order ("from left to right").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.utils import ModelOutput

from follow_your_click.models.checkpoints import WEIGHTS_FOLDER

MAX_TOKENS = 24  # 8,000 drawn prompts and captions have at most 20
_TOKENIZER = WEIGHTS_FOLDER / "mini" / "tokenizer"
_WORD_VECTORS = WEIGHTS_FOLDER / "word_vectors.safetensors"


@dataclass
class TextEncoderOutput(ModelOutput):
    """last_hidden_state (B, N, D), as transformers' text encoders name it; motion_logits (B, K + 1), the last of them for "none
    of these", if the encoder names motions."""

    last_hidden_state: Tensor | None = None
    motion_logits: Tensor | None = None


def load_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer that belongs to the word vectors: whole words where it has them; pads to the right with "[PAD]"."""
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(_TOKENIZER)
    return tokenizer


def load_word_vectors() -> Tensor:
    """The table that comes with the package: a vector for each of the tokenizer's words and pieces."""
    table = load_file(_WORD_VECTORS)
    vectors: Tensor = table["vectors"].float() * table["scale"]
    return vectors


class MotionTextEncoder(ModelMixin, ConfigMixin):
    """Prompt tokens (B, N) -> embeddings (B, N, D) for cross-attention.

    Args:
        hidden_size: D.
        num_layers: transformer layers.
        num_attention_heads: heads of each.
        max_tokens: most tokens of a prompt.
        dropout: share of activations dropped in training.
        token_dropout: share of word vectors zeroed in training.
        vector_noise: standard deviation, relative to the vectors' own, of noise added to them in training.
            Both keep the encoder from knowing its training wordings by heart, so that a word that lies
            near a known one is read like it.
        motions: K motions that a linear reading of the mean token tells apart, and from what is none of them.
            Empty: there is no such reading.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        hidden_size: int = 96,
        num_layers: int = 1,
        num_attention_heads: int = 3,
        max_tokens: int = MAX_TOKENS,
        dropout: float = 0.2,
        token_dropout: float = 0.1,
        vector_noise: float = 0.5,
        motions: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.register_buffer("vectors", load_word_vectors(), persistent=False)
        self.proj_in = nn.Linear(self.vectors.shape[1], hidden_size)
        self.positions = nn.Parameter(torch.randn(max_tokens, hidden_size) * 0.02)
        layer = nn.TransformerEncoderLayer(
            hidden_size,
            num_attention_heads,
            dim_feedforward=2 * hidden_size,
            dropout=dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.norm_out = nn.LayerNorm(hidden_size)
        self.reading = nn.Linear(hidden_size, len(motions) + 1) if motions else None

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        return_dict: bool = True,
    ) -> TextEncoderOutput | tuple[Tensor]:
        """Embed tokens.

        Args:
            input_ids: (B, N) of `load_tokenizer`.
            attention_mask: (B, N), 1 = token, 0 = padding; None: all tokens.

        Returns:
            Embeddings (B, N, D). At padded places stands the mean over the prompt's tokens, so that
            cross-attention, which takes no mask, reads the whole phrase there.
        """
        present = (
            torch.ones_like(input_ids, dtype=torch.bool)
            if attention_mask is None
            else attention_mask.bool()
        )
        vectors = self._blurred(self.vectors[input_ids])
        hidden = self.proj_in(vectors) + self.positions[: input_ids.shape[1]]
        hidden = self.norm_out(self.layers(hidden, src_key_padding_mask=~present))
        weight = present.unsqueeze(-1).to(hidden.dtype)
        count = weight.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (hidden * weight).sum(dim=1, keepdim=True) / count
        hidden = torch.where(present.unsqueeze(-1), hidden, mean)
        if not return_dict:
            return (hidden,)
        named = None if self.reading is None else self.reading(mean[:, 0])
        return TextEncoderOutput(last_hidden_state=hidden, motion_logits=named)

    def _blurred(self, vectors: Tensor) -> Tensor:
        """Word vectors (B, N, D) as they are in use, noisy and with gaps in training."""
        if not self.training:
            return vectors
        noise = torch.randn_like(vectors) * (self.config.vector_noise * self.vectors.std())
        kept = torch.rand_like(vectors[..., :1]) >= self.config.token_dropout
        blurred: Tensor = (vectors + noise) * kept
        return blurred


def tokenized(tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> BatchEncoding:
    """`input_ids` and `attention_mask` of prompts, (B, N) each, N the tokenizer's full length."""
    return tokenizer(
        [prompt.lower() for prompt in prompts],
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )


@torch.no_grad()
def encode_text(
    text_encoder: nn.Module, tokenizer: PreTrainedTokenizerFast, prompts: list[str]
) -> Tensor:
    """Embeddings (B, N, D) of prompts, N the tokenizer's full length; CLIP's encoder works as well.

    Stable Diffusion reads CLIP's embeddings of padding too, made without a mask.
    """
    tokens = tokenized(tokenizer, prompts)
    device = next(text_encoder.parameters()).device
    mask = tokens.attention_mask.to(device) if isinstance(text_encoder, MotionTextEncoder) else None
    output = text_encoder(tokens.input_ids.to(device), attention_mask=mask)
    hidden: Tensor = output[0]
    return hidden
