"""Models out of recipes: from a YAML file to a clip, on small random weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from follow_your_click.animator import Animator
from follow_your_click.errors import ModelError
from follow_your_click.interfaces.cli import main
from follow_your_click.loading import (
    PRESETS,
    find_model,
    load_pipeline,
    load_preset,
    offload_to,
    precision_on,
)
from follow_your_click.models import hub
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.recipes import read_recipe
from follow_your_click.region import Brush, Region

Write = Callable[..., Path]
EXAMPLE = Path(__file__).parent.parent / "examples" / "coffee.jpg"


@pytest.fixture
def write(
    tmp_path: Path,
    tiny_stable_diffusion: Path,
    tiny_motion_adapter: Callable[[int | None], Path],
) -> Write:
    """A function: changed settings -> a recipe like sd15-pia's, of small random weights."""

    def make(**changes: Any) -> Path:
        values = yaml.safe_load(find_model("sd15-pia").read_text(encoding="utf-8"))
        values |= {"base": str(tiny_stable_diffusion), "motion": str(tiny_motion_adapter(9))}
        values["preset"] |= {"size": 64, "num_inference_steps": 2}
        values |= changes
        file = tmp_path / "model.yaml"
        file.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not ...}))
        return file

    return make


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


def region() -> Region:
    return Region(Brush(((40, 40), (60, 60)), radius=14), prompt="sway", strength=2.0)


def test_the_presets_of_the_package_are_whole() -> None:
    assert set(PRESETS) >= {"mini", "sd15-pia", "sd15-pia-loop", "sd15"}
    for name in ("sd15-pia", "sd15-pia-loop", "sd15"):
        recipe = read_recipe(find_model(name))
        assert recipe.preset.name == name
        assert load_preset(find_model(name)) == recipe.preset
    assert read_recipe(find_model("sd15-pia")).mask_channel == "affinity"
    assert read_recipe(find_model("sd15-pia-loop")).mask_channel == "affinity-loop"
    scheduler = read_recipe(find_model("sd15")).make_scheduler()
    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.config.rescale_betas_zero_snr


def test_a_recipe_makes_a_clip_whose_background_is_the_photo(write: Write) -> None:
    animator = Animator.from_pretrained(write(), device="cpu")
    clip = animator.animate(photo(), [region()], num_frames=4, seed=1)
    frames = clip.frames
    assert frames.shape == (4, 96, 128, 3)
    assert np.array_equal(frames[0], photo())
    moved = (frames != photo()[None]).any(axis=(0, 3))
    assert not moved[:, 110:].any()
    again = animator.animate(photo(), [region()], num_frames=4, seed=1)
    assert np.array_equal(again.frames, frames)


def test_two_regions_and_a_long_clip(write: Write) -> None:
    animator = Animator.from_pretrained(write(), device="cpu")
    other = Region(Brush(((70, 60), (80, 70)), radius=8), prompt="rise", strength=1.0)
    clip = animator.animate(photo(), [region(), other], num_frames=24)
    assert clip.num_frames == 24


@pytest.mark.parametrize(
    "scheduler", ["ddim", "euler", "euler-ancestral", "dpm-solver", "unipc", "lcm"]
)
def test_every_scheduler_runs(write: Write, scheduler: str) -> None:
    pipeline = load_pipeline(write(scheduler=scheduler, timestep_spacing="trailing"), device="cpu")
    frames = pipeline(
        image=Image.fromarray(photo()[:64, :64]),
        region_mask=np.ones((64, 64), np.float32),
        motion_prompt="sway",
        num_frames=4,
        num_inference_steps=3,
        output_type="np",
    ).frames
    assert np.isfinite(frames).all()


def test_parts_lie_beside_the_recipe(
    write: Write, tiny_stable_diffusion: Path, tiny_motion_adapter: Callable[[int | None], Path]
) -> None:
    file = write(motion="adapter")
    (file.parent / "adapter").symlink_to(tiny_motion_adapter(9))
    assert load_pipeline(file, device="cpu").config.mask_channel == "affinity"


def test_loras_lie_on_top(write: Write, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    plain = load_pipeline(write(), device="cpu")
    donor = load_pipeline(write(), device="cpu")
    donor.unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_q"]), adapter_name="made")
    with torch.no_grad():
        for name, parameter in donor.unet.named_parameters():
            if "lora" in name:
                parameter.normal_(std=0.5)
    layers = convert_state_dict_to_diffusers(
        get_peft_model_state_dict(donor.unet, adapter_name="made")
    )
    donor.save_lora_weights(tmp_path / "lora", unet_lora_layers=layers)
    (file,) = (tmp_path / "lora").glob("*.safetensors")
    styled = load_pipeline(
        write(loras=[{"file": f"lora/{file.name}", "scale": 0.5}, {"file": "lora"}]), device="cpu"
    )
    assert set(styled.get_list_adapters()["unet"]) == {"lora1", "lora2"}
    key = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    sample = torch.randn(1, 3, 8)
    before = plain.unet.get_submodule(key)(sample)
    assert not torch.allclose(styled.unet.get_submodule(key)(sample), before, atol=1e-3)
    with pytest.raises(ModelError, match="LoRA 'nowhere': neither a folder"):
        load_pipeline(write(loras=[{"file": "nowhere"}]), device="cpu")


def test_the_parts_that_this_project_trains(
    write: Write, tmp_path: Path, tiny_motion_adapter: Callable[[int | None], Path]
) -> None:
    from follow_your_click.models.unet import RegionalMotionUNet

    animatediff = {
        "motion": str(tiny_motion_adapter(None)),
        "conv_in": "extended",
        "mask_channel": "region",
        "background": "free",
        "prediction": "v_prediction",
    }
    with pytest.raises(ModelError, match=r"has no unet_parts: .*take sd15-pia"):
        load_pipeline(write(**animatediff), device="cpu")
    fresh = load_pipeline(write(), device="cpu").unet
    trained = RegionalMotionUNet.from_config({**fresh.config, "motion_cross_attention_dim": 12})
    torch.nn.init.normal_(trained.motion_embedding.linear_2.weight)
    trained.save_pretrained(tmp_path / "trained" / "unet")
    pipeline = load_pipeline(write(**animatediff, unet_parts="trained"), device="cpu")
    assert pipeline.unet.config.motion_cross_attention_dim == 12
    found = pipeline.unet.motion_embedding.linear_2.weight
    assert torch.equal(found, trained.motion_embedding.linear_2.weight)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base": "no/such"}, "base model 'no/such': not in the cache"),
        ({"base": "nothing"}, "neither a folder, nor a file, nor a hub id"),
        ({"speed": 3}, "speed: Extra inputs"),
        ({"motion": ...}, "motion: Field required"),
        ({"scheduler": "magic"}, "scheduler: Input should be"),
        ({"preset": {"name": "x"}}, r"preset\.size: Field required"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(
    write: Write, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: str
) -> None:
    monkeypatch.setattr(hub, "_ANSWER_SECONDS", 0.3)
    file = write(**changes)
    with pytest.raises(ModelError, match=says) as caught:
        load_pipeline(file, device="cpu")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_recipe(tmp_path: Path) -> None:
    for text in ("{", "- 1", "", "base: 3"):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(ModelError, match="a.yaml"):
            load_preset(tmp_path / "a.yaml")


def test_the_command_line_takes_a_recipe(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    mask = np.zeros((96, 128), np.uint8)
    mask[30:60, 30:70] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "clip.mp4"
    words = ["animate", str(tmp_path / "photo.png"), "--mask", str(tmp_path / "mask.png")]
    words += ["--prompt", "sway", "--frames", "4", "--out", str(out), "--device", "cpu"]
    assert main([*words, "--model", str(write())]) == 0
    assert out.stat().st_size > 0
    capsys.readouterr()
    assert main([*words, "--model", "sd15", "--overwrite"]) == 2
    error = capsys.readouterr().err
    assert "no unet_parts" in error
    assert error.count("\n") == 1


def test_precision_goes_by_the_device() -> None:
    assert precision_on("cpu", "auto") == torch.float32
    assert precision_on("cuda", "auto") == torch.float16
    assert precision_on("cpu", "bf16") == torch.bfloat16


def test_memory_settings_reach_the_parts(write: Write) -> None:
    file = write()
    values = yaml.safe_load(file.read_text())
    values["preset"]["memory"] = {
        "precision": "bf16",
        "vae_slicing": True,
        "vae_tiling": True,
        "offload": "model",
    }
    with pytest.warns(UserWarning, match="offload 'model' is ignored on a CPU"):
        pipeline = load_pipeline(write(preset=values["preset"]), device="cpu")
    assert pipeline.unet.dtype == torch.bfloat16
    assert pipeline.vae.use_slicing
    assert pipeline.vae.use_tiling


# accelerate cannot offload layer by layer from the CPU to itself.
@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloading_changes_nothing_in_the_clip(write: Write, offload: str) -> None:
    """With the CPU as the accelerator: what is moved where differs, what is computed does not."""

    def frames(pipeline: RegionalAnimationPipeline) -> torch.Tensor:
        made: torch.Tensor = pipeline(
            image=Image.fromarray(photo()[:64, :64]),
            region_mask=np.ones((64, 64), np.float32),
            motion_prompt="sway",
            num_frames=3,
            num_inference_steps=2,
            guidance_scale=3.0,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
        ).frames
        return made

    expected = frames(load_pipeline(write(), device="cpu"))
    pipeline = load_pipeline(write(), device="cpu")
    offload_to(pipeline, torch.device("cpu"), offload)
    torch.testing.assert_close(frames(pipeline), expected)


def test_a_fresh_process_says_one_line() -> None:
    code = "import sys; from follow_your_click.interfaces.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["animate", str(EXAMPLE), "--click", "9,9", "--prompt", "sway", "--model", "nope"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unknown model 'nope'" in done.stderr
