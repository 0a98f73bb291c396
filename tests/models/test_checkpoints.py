"""Loading parts from folders: what does not fit is refused in one line."""

import json

import pytest

from follow_your_click.errors import ModelError
from follow_your_click.models.autoencoder import ConvAutoencoder
from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.text_encoder import MotionTextEncoder

TINY = {
    "latent_channels": 4,
    "encoder_channels": (8, 8),
    "decoder_channels": (8, 8, 8),
}


@pytest.fixture
def folder(tmp_path):
    ConvAutoencoder(**TINY).save_pretrained(tmp_path)
    return tmp_path


def refusal(kind, location):
    with pytest.raises(ModelError) as caught:
        load_component(kind, location)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_saved_part_loads(folder):
    assert load_component(ConvAutoencoder, folder).config.latent_channels == 4


def test_loading_shows_no_bars_however_many_files_there_are(tmp_path, capfd):
    ConvAutoencoder(**TINY).save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    load_component(ConvAutoencoder, tmp_path)
    assert "Loading" not in capfd.readouterr().err


def test_a_missing_folder_is_named(tmp_path):
    assert "expected a folder with config.json" in refusal(ConvAutoencoder, tmp_path / "nothing")


def test_a_part_of_another_class_is_refused(folder):
    message = refusal(MotionTextEncoder, folder)
    assert "holds a ConvAutoencoder; expected a MotionTextEncoder" in message


def test_a_config_that_describes_nothing_is_refused(folder):
    (folder / "config.json").write_text("[1, 2", encoding="utf-8")
    assert "does not describe a diffusers model" in refusal(ConvAutoencoder, folder)


def test_weights_of_another_shape_are_refused(folder):
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**config, "latent_channels": 8}), encoding="utf-8")
    assert "does not hold a ConvAutoencoder" in refusal(ConvAutoencoder, folder)


def test_half_a_weights_file_is_refused(folder):
    (file,) = folder.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "does not hold a ConvAutoencoder" in refusal(ConvAutoencoder, folder)


def test_missing_weights_are_refused(folder):
    (file,) = folder.glob("*.safetensors")
    file.unlink()
    assert "does not hold a ConvAutoencoder" in refusal(ConvAutoencoder, folder)
