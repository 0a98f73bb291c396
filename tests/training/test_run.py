"""From a config to an exported model, and what is refused on the way."""

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

from follow_your_click.errors import ModelError, OutputError, SettingsError
from follow_your_click.loading import find_model, load_pipeline, load_preset
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.schedulers import paper_scheduler
from follow_your_click.models.text_encoder import MotionTextEncoder
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.training.run import build_objective, train

CLASSES = {
    "autoencoder": ConvAutoencoder,
    "text_encoder": MotionTextEncoder,
    "motion_unet": RegionalMotionUNet,
}


@pytest.fixture
def recipe(configure, tmp_path):
    """A function as `configure`, returning the path of a YAML file."""

    def write(kind, **changes):
        file = tmp_path / f"{kind}.yaml"
        config = configure(kind, **changes).model_dump(mode="json")
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize("kind", CLASSES)
def test_the_exported_model_is_the_average_and_loads(recipe, kind, tmp_path):
    folder = train(recipe(kind, steps=2))
    assert folder == tmp_path / "run" / "model"
    part = folder / "unet" if kind == "motion_unet" else folder
    exported = CLASSES[kind].from_pretrained(part).state_dict()
    average = load_file(tmp_path / "run" / "checkpoint-0000002" / "ema.safetensors")
    for name, value in exported.items():
        assert torch.equal(value, average[f"module.{name}"]), name
    assert not (tmp_path / "run" / "model.tmp").exists()


def test_a_folder_of_another_objective_is_refused_and_left_alone(recipe, tmp_path):
    train(recipe("text_encoder", steps=1))
    before = sorted((tmp_path / "run").rglob("*"))
    with pytest.raises(SettingsError, match="holds a run of 'tiny-text_encoder'") as caught:
        train(recipe("autoencoder", steps=1))
    assert "\n" not in str(caught.value)
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_a_folder_of_another_optimizer_is_refused_and_left_alone(recipe, tmp_path):
    file = recipe("text_encoder", steps=1)
    train(file)
    before = sorted((tmp_path / "run").rglob("*"))
    with pytest.raises(SettingsError, match="with another optimizer.kind; give another --output"):
        train(file, overrides=["optimizer.kind=muon"])
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_a_run_from_before_a_setting_was_added_goes_on(recipe, tmp_path):
    file = recipe("autoencoder", steps=1)
    train(file)
    state = tmp_path / "run" / "checkpoint-0000001" / "state.json"
    values = json.loads(state.read_text(encoding="utf-8"))
    del values["config"]["objective"]["l1_weight"]  # at its default in this run
    del values["config"]["optimizer"]["kind"]
    state.write_text(json.dumps(values), encoding="utf-8")
    assert train(file, overrides=["steps=2"]).is_dir()


def test_a_half_written_checkpoint_does_not_stop_the_next_run(recipe, tmp_path):
    file = recipe("text_encoder", steps=1)
    train(file)
    half = tmp_path / "run" / "checkpoint-0000002.tmp"
    half.mkdir()
    (half / "state.json").write_text('{"step": 2, "co', encoding="utf-8")
    assert train(file, overrides=["steps=2"]).is_dir()


def test_an_output_that_is_a_file_is_refused(recipe, tmp_path):
    file = recipe("text_encoder")
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot make the folder"):
        train(file, overrides=[f"output={tmp_path / 'taken'}"])


def test_an_unknown_device_is_refused(recipe):
    with pytest.raises(SettingsError, match="device 'abacus' cannot be used") as caught:
        train(recipe("text_encoder"), overrides=["device=abacus"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "changes", "error", "expected"),
    [
        ("autoencoder", {"model": {"width": 3}}, SettingsError, "does not fit ConvAutoencoder"),
        ("text_encoder", {"model": {"hidden_size": 25}}, SettingsError, "MotionTextEncoder"),
        ("motion_unet", {"num_frames": 33}, SettingsError, "the network takes 32 at most"),
        ("motion_unet", {"vae": "nowhere"}, ModelError, "no ConvAutoencoder at nowhere"),
    ],
)
def test_parts_that_do_not_fit_are_named(configure, kind, changes, error, expected):
    with pytest.raises(error, match=expected) as caught:
        build_objective(configure(kind, changes))
    assert "\n" not in str(caught.value)


def test_a_network_to_start_from_keeps_its_weights_and_must_fit(configure, tmp_path, parts):
    config = configure("motion_unet")
    start = build_objective(config).model
    start.save_pretrained(tmp_path / "start")
    init = {"init": str(tmp_path / "start"), "model": {}}
    again = build_objective(configure("motion_unet", init)).model
    for (name, value), other in zip(
        start.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    ConvAutoencoder(latent_channels=8).save_pretrained(tmp_path / "other-vae")
    with pytest.raises(ModelError, match="made for 4 latent channels"):
        build_objective(configure("motion_unet", {**init, "vae": str(tmp_path / "other-vae")}))


def test_a_network_to_start_from_may_be_given_more_parts(configure, tmp_path, parts):
    config = configure("motion_unet")
    start = build_objective(config).model
    start.save_pretrained(tmp_path / "start")
    init = {"init": str(tmp_path / "start")}
    with_head = {**init, "model": {"displacement_head": "field"}}
    grown = build_objective(configure("motion_unet", with_head)).model
    assert grown.config.displacement_head == "field"
    assert grown.config.block_out_channels == start.config.block_out_channels
    state = grown.state_dict()
    for name, value in start.state_dict().items():
        assert torch.equal(value, state[name]), name
    grown.save_pretrained(tmp_path / "grown")
    for model, said in (
        ({"displacement_head": "none"}, "no place for displacement"),
        ({"motion_max_seq_length": 8, "displacement_head": "field"}, "size mismatch"),
    ):
        settings = {"init": str(tmp_path / "grown"), "model": model, "num_frames": 4}
        with pytest.raises(SettingsError, match=said) as caught:
            build_objective(configure("motion_unet", settings))
        assert "\n" not in str(caught.value)


def test_the_papers_schedule_ends_in_pure_noise_and_starts_sampling_there():
    scheduler = paper_scheduler()
    assert scheduler.alphas_cumprod[-1].item() == pytest.approx(0, abs=1e-7)
    scheduler.set_timesteps(10)
    assert scheduler.timesteps[0].item() == 999


def test_an_exported_unet_is_a_whole_model_that_animates(recipe):
    folder = train(recipe("motion_unet", steps=1))
    assert find_model(folder) == folder
    preset = load_preset(folder)
    pipeline = load_pipeline(folder, device="cpu")
    clip = pipeline(
        torch.zeros(1, 3, preset.size, preset.size),
        torch.ones(preset.size, preset.size),
        motion_prompt="drift left",
        num_frames=2,
        num_inference_steps=1,
        output_type="np",
    )
    assert clip.frames.shape == (1, 2, preset.size, preset.size, 3)


def test_with_the_decoder_alone_in_training_the_latents_stay(recipe, configure, tmp_path):
    first = ConvAutoencoder.from_pretrained(train(recipe("autoencoder", steps=2)))
    settings = {"init": str(tmp_path / "run" / "model"), "trained": "decoder"}
    file = recipe("autoencoder", objective=settings, steps=2, output=tmp_path / "second")
    second = ConvAutoencoder.from_pretrained(train(file))
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = [vae.eval().encode(photo).latents for vae in (first, second)]
    assert torch.equal(*latents)
    assert not torch.equal(*(vae.decode(latents[0]).sample for vae in (first, second)))
