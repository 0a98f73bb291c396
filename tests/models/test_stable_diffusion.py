"""Components out of folders and single files like the public ones."""

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from follow_your_click.errors import ModelError
from follow_your_click.models import hub, stable_diffusion
from follow_your_click.models.stable_diffusion import load_parts
from follow_your_click.models.weight_files import read_weights

SMALL = {"motion_cross_attention_dim": 12}


def refusal(*args, **kwargs):
    with pytest.raises(ModelError) as caught:
        load_parts(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_folder_gives_every_component(tiny_stable_diffusion, tiny_motion_adapter):
    parts = load_parts(tiny_stable_diffusion, motion=tiny_motion_adapter(None), **SMALL)
    assert parts.unused == ()
    assert parts.unet.config.in_channels == 9
    assert parts.unet.config.use_motion_mid_block
    assert parts.vae.config.latent_channels == parts.unet.config.out_channels
    assert parts.text_encoder.config.hidden_size == 12
    spatial = load_file(tiny_stable_diffusion / "unet" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(parts.unet.conv_in.weight[:, :4], spatial["conv_in.weight"])
    assert not parts.unet.conv_in.weight[:, 4:].any()


def test_pia_gives_its_first_convolution(tiny_stable_diffusion, tiny_motion_adapter):
    adapter = tiny_motion_adapter(9)
    parts = load_parts(tiny_stable_diffusion, motion=adapter, conv_in="motion", **SMALL)
    state = load_file(adapter / "diffusion_pytorch_model.safetensors")
    base = load_file(tiny_stable_diffusion / "unet" / "diffusion_pytorch_model.safetensors")
    # Its condition channels; noisy latents and bias stay the base's.
    assert torch.equal(parts.unet.conv_in.weight[:, 4:], state["conv_in.weight"][:, 4:])
    assert torch.equal(parts.unet.conv_in.weight[:, :4], base["conv_in.weight"])
    assert torch.equal(parts.unet.conv_in.bias, base["conv_in.bias"])


def test_a_motion_file_is_as_good_as_its_folder(tiny_stable_diffusion, tiny_motion_adapter):
    folder = tiny_motion_adapter(None)
    parts = load_parts(
        tiny_stable_diffusion, motion=folder / "diffusion_pytorch_model.safetensors", **SMALL
    )
    assert parts.unet.config.motion_num_attention_heads == 8  # a bare file does not say
    assert parts.unet.config.motion_max_seq_length == 16


def test_half_precision_files_run_in_the_precision_asked_for(
    tiny_stable_diffusion, tiny_motion_adapter, tmp_path
):
    base = tmp_path / "half"
    shutil.copytree(tiny_stable_diffusion, base)
    file = base / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({k: v.half() for k, v in load_file(file).items()}, file)
    for dtype in (torch.float32, torch.bfloat16):
        parts = load_parts(base, motion=tiny_motion_adapter(None), dtype=dtype, **SMALL)
        for model in (parts.unet, parts.vae, parts.text_encoder):
            assert {p.dtype for p in model.parameters()} == {dtype}


@pytest.mark.parametrize("missing", ["unet", "vae/config.json", "tokenizer"])
def test_an_incomplete_folder_is_refused_by_what_it_lacks(
    tiny_stable_diffusion, tiny_motion_adapter, tmp_path, missing
):
    base = tmp_path / "base"
    shutil.copytree(tiny_stable_diffusion, base)
    lost = base / missing
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    assert f"has no {missing}" in refusal(base, motion=tiny_motion_adapter(None))


def test_a_name_that_is_nothing_is_refused(tiny_stable_diffusion, tmp_path):
    assert "neither a folder" in refusal("no such model", motion=tmp_path)
    assert "no weights at" in refusal(tmp_path / "model.safetensors", motion=tmp_path)
    assert "neither a folder" in refusal(tiny_stable_diffusion, motion="v3")


def test_without_the_hub_the_error_says_so(monkeypatch, tiny_stable_diffusion):
    monkeypatch.setattr(hub, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    message = refusal(tiny_stable_diffusion, motion="somebody/motion-adapter")
    assert "not in the cache, and cannot be had from the hub" in message


def test_a_pickle_that_would_run_code_is_refused_unread(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "run"),))

    with (tmp_path / "bad.ckpt").open("wb") as file:
        pickle.dump({"state_dict": Bomb()}, file)
    torch.save({"state_dict": Bomb()}, tmp_path / "worse.ckpt")
    for name in ("bad.ckpt", "worse.ckpt"):
        with pytest.raises(ModelError, match=r"could run code|cannot be read as weights"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "run").exists()


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"x" * 100)
    (tmp_path / "b.ckpt").write_bytes(b"x" * 100)
    torch.save([1, 2], tmp_path / "c.ckpt")
    for name in ("a.safetensors", "b.ckpt", "c.ckpt"):
        with pytest.raises(ModelError):
            read_weights(tmp_path / name)


def test_sharded_weights_are_read_whole(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "1.safetensors")
    save_file({"b": torch.zeros(3)}, tmp_path / "2.safetensors")
    index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (tmp_path / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert {k: len(v) for k, v in read_weights(tmp_path).items()} == {"a": 2, "b": 3}


def test_parts_of_a_trained_pipeline_are_taken(
    tiny_stable_diffusion, tiny_motion_adapter, tmp_path
):
    adapter = tiny_motion_adapter(None)
    trained = load_parts(tiny_stable_diffusion, motion=adapter, **SMALL).unet
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.normal_(std=0.1)
    trained.save_pretrained(tmp_path / "unet")
    unet = load_parts(tiny_stable_diffusion, motion=adapter, unet_parts=tmp_path, **SMALL).unet
    assert torch.equal(unet.conv_in.weight, trained.conv_in.weight)
    wanted, got = trained.motion_embedding, unet.motion_embedding
    assert torch.equal(got.linear_2.weight, wanted.linear_2.weight)
    assert not torch.equal(unet.conv_out.weight, trained.conv_out.weight)


def test_a_checkpoint_of_one_file_equals_the_folder(
    tiny_stable_diffusion, tiny_motion_adapter, tmp_path, monkeypatch, single_file
):
    monkeypatch.setattr(stable_diffusion, "CONFIGS", tiny_stable_diffusion)
    file = tmp_path / "dream.safetensors"
    save_file(single_file(tiny_stable_diffusion), file)
    adapter = tiny_motion_adapter(9)
    settings = {"motion": adapter, "conv_in": "motion", "motion_cross_attention_dim": None}
    expected = load_parts(tiny_stable_diffusion, **settings)
    actual = load_parts(file, **settings, tokenizer=tiny_stable_diffusion / "tokenizer")
    for name in ("unet", "vae", "text_encoder"):
        wanted = getattr(expected, name).state_dict()
        found = getattr(actual, name).state_dict()
        assert wanted.keys() == found.keys()
        own = ("motion_embedding", "fps_embedding")
        for key in (key for key in wanted if not key.startswith(own)):
            assert torch.equal(wanted[key], found[key]), key


def test_a_file_of_something_else_is_no_base(tiny_stable_diffusion, tiny_motion_adapter):
    file = tiny_stable_diffusion / "vae" / "diffusion_pytorch_model.safetensors"
    message = refusal(file, motion=tiny_motion_adapter(None))
    assert "is not a Stable Diffusion 1.5 checkpoint in one file" in message


def test_weights_that_have_no_place_are_told_of(
    tiny_stable_diffusion, tiny_motion_adapter, tmp_path
):
    file = tiny_motion_adapter(None) / "diffusion_pytorch_model.safetensors"
    save_file({**load_file(file), "poses.weight": torch.ones(2)}, tmp_path / "more.safetensors")
    with pytest.warns(UserWarning, match=r"1 weights of .*, poses\.weight among them"):
        parts = load_parts(tiny_stable_diffusion, motion=tmp_path / "more.safetensors", **SMALL)
    assert parts.unused == ("poses.weight",)
