"""The text encoder: padding, files, the empty prompt."""

import pytest
import torch

from follow_your_click.models.text_encoder import (
    MAX_TOKENS,
    MotionTextEncoder,
    encode_text,
    load_tokenizer,
)

PROMPT = "drift slowly to the left"


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return MotionTextEncoder(hidden_size=24).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer()


@torch.no_grad()
def test_padding_changes_no_real_token_and_holds_their_mean(encoder, tokenizer):
    bare = encoder(torch.tensor([tokenizer(PROMPT).input_ids])).last_hidden_state
    count = bare.shape[1]
    padded = encode_text(encoder, tokenizer, [PROMPT])
    assert count < MAX_TOKENS == padded.shape[1]
    torch.testing.assert_close(padded[:, :count], bare, atol=1e-5, rtol=1e-5)
    mean = bare.mean(dim=1, keepdim=True).expand(-1, MAX_TOKENS - count, -1)
    torch.testing.assert_close(padded[:, count:], mean, atol=1e-5, rtol=1e-5)


def test_a_batch_equals_its_prompts_one_by_one(encoder, tokenizer):
    prompts = [PROMPT, "spin", ""]
    singles = torch.cat([encode_text(encoder, tokenizer, [prompt]) for prompt in prompts])
    torch.testing.assert_close(
        encode_text(encoder, tokenizer, prompts), singles, atol=1e-5, rtol=1e-5
    )


def test_the_empty_prompt_has_finite_embeddings(encoder, tokenizer):
    assert encode_text(encoder, tokenizer, [""]).isfinite().all()


def test_an_overlong_prompt_is_cut_and_capitals_do_not_count(encoder, tokenizer):
    assert encode_text(encoder, tokenizer, ["drift " * 100]).shape == (1, MAX_TOKENS, 24)
    capital, small = encode_text(encoder, tokenizer, [PROMPT.upper(), PROMPT])
    assert torch.equal(capital, small)


def test_word_order_matters(encoder, tokenizer):
    there, back = encode_text(encoder, tokenizer, ["from left to right", "from right to left"])
    assert (there - back).abs().max() > 1e-3


@torch.no_grad()
def test_embeddings_are_noisy_in_training_only(tokenizer):
    torch.manual_seed(0)
    model = MotionTextEncoder(hidden_size=24, dropout=0.0)
    model.train()
    assert not torch.equal(*(encode_text(model, tokenizer, [PROMPT]) for _ in range(2)))
    model.eval()
    assert torch.equal(*(encode_text(model, tokenizer, [PROMPT]) for _ in range(2)))


def test_save_and_load_round_trip_without_the_word_vectors(encoder, tokenizer, tmp_path):
    assert not any("vectors" in name for name in encoder.state_dict())
    encoder.save_pretrained(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 200_000
    again = MotionTextEncoder.from_pretrained(tmp_path)
    assert torch.equal(again.vectors, encoder.vectors)
    assert torch.equal(
        encode_text(again, tokenizer, [PROMPT]), encode_text(encoder, tokenizer, [PROMPT])
    )
