"""Checkpoints of public models' classes, small and random, as folders that from_pretrained reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_DECODER = {"hidden_size": 32, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
_PROMPTS = {"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
_MEMORY = {
    "memory_attention_hidden_size": 32,
    "memory_attention_num_layers": 1,
    "memory_attention_feed_forward_hidden_size": 16,
    "memory_encoder_hidden_size": 32,
    "memory_encoder_output_channels": 8,
    "mask_downsampler_embed_dim": 32,
    "memory_fuser_embed_dim": 32,
    "memory_fuser_intermediate_dim": 16,
}
_HIERA = {
    "model_type": "sam2_vision_model",
    "backbone_config": {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [4, 4, 4, 2],
        "global_attention_blocks": [3],
    },
    "backbone_channel_list": [64, 32, 16, 8],
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    "fpn_hidden_size": 32,
}
_VIT3 = {
    "model_type": "sam3_vision_model",
    "backbone_config": {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [0],
        "pretrain_image_size": 28,
    },
    "fpn_hidden_size": 32,
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
}
_PROMPTS3 = {**_PROMPTS, "image_size": 56, "patch_size": 14}
_SMALL = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
_WORDS = ("a", "photo", "of", "the", "boat", "cat", ".")


def _sam() -> PreTrainedModel:
    from transformers import SamConfig, SamModel

    vision = {
        "hidden_size": 16,
        "output_channels": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [0],
        "num_pos_feats": 16,
        "mlp_dim": 32,
    }
    return SamModel(
        SamConfig(
            vision_config=vision, prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER
        )
    )


def _sam2() -> PreTrainedModel:
    from transformers import Sam2Config, Sam2Model

    return Sam2Model(
        Sam2Config(
            vision_config=_HIERA, prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER
        )
    )


def _sam2_video() -> PreTrainedModel:
    from transformers import Sam2VideoConfig, Sam2VideoModel

    return Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=_HIERA,
            prompt_encoder_config=_PROMPTS,
            mask_decoder_config=_DECODER,
            image_size=64,
            **_MEMORY,
        )
    )


def _sam3_tracker() -> PreTrainedModel:
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    return Sam3TrackerModel(
        Sam3TrackerConfig(
            vision_config=_VIT3, prompt_encoder_config=_PROMPTS3, mask_decoder_config=_DECODER
        )
    )


def _sam3_tracker_video() -> PreTrainedModel:
    from transformers import Sam3TrackerVideoConfig, Sam3TrackerVideoModel

    return Sam3TrackerVideoModel(
        Sam3TrackerVideoConfig(
            vision_config=_VIT3,
            prompt_encoder_config=_PROMPTS3,
            mask_decoder_config=_DECODER,
            image_size=56,
            **_MEMORY,
        )
    )


def _sam3_video() -> PreTrainedModel:
    from transformers import Sam3VideoConfig, Sam3VideoModel

    text = {"hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "projection_dim": 32, "vocab_size": 50}
    detector = {
        "model_type": "sam3",
        "vision_config": _VIT3,
        "text_config": text | {"bos_token_id": 0, "eos_token_id": 1},
        "geometry_encoder_config": _SMALL,
        "detr_encoder_config": _SMALL,
        "detr_decoder_config": _SMALL | {"num_queries": 4},
        "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 2},
    }
    tracker = {
        "model_type": "sam3_tracker_video",
        "vision_config": _VIT3,
        "prompt_encoder_config": _PROMPTS3,
        "mask_decoder_config": _DECODER,
        "image_size": 56,
        **_MEMORY,
    }
    return Sam3VideoModel(Sam3VideoConfig(detector_config=detector, tracker_config=tracker))


def _owlv2() -> PreTrainedModel:
    from transformers import Owlv2Config, Owlv2ForObjectDetection

    layers = {"intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"hidden_size": 16, "vocab_size": 64, "max_position_embeddings": 8}
    # A phrase that starts with token 0 counts as none.
    text |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    vision = {"hidden_size": 16, "image_size": 64, "patch_size": 16}
    return Owlv2ForObjectDetection(
        Owlv2Config(text_config=text | layers, vision_config=vision | layers, projection_dim=16)
    )


def _grounding_dino() -> PreTrainedModel:
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    backbone = {
        "model_type": "swin",
        "image_size": 64,
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 1, 1],
        "window_size": 2,
        "out_features": ["stage2", "stage3", "stage4"],
    }
    text = {
        "model_type": "bert",
        "vocab_size": len(_WORDS) + 5,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    return GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=backbone,
            text_config=text,
            d_model=32,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            num_queries=12,
            max_text_len=16,
        )
    )


_BUILDERS: dict[str, Callable[[], PreTrainedModel]] = {
    "sam": _sam,
    "sam2": _sam2,
    "sam2_video": _sam2_video,
    "sam3_tracker": _sam3_tracker,
    "sam3_tracker_video": _sam3_tracker_video,
    "sam3_video": _sam3_video,
    "owlv2": _owlv2,
    "grounding-dino": _grounding_dino,
}


def _random_model(kind: str) -> PreTrainedModel:
    """Weights large enough that the answer depends on the photo and the click everywhere."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = _BUILDERS[kind]().eval()
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                scale = 1.0 if "embed" in name or "token" in name else weight[0].numel() ** -0.5
                weight.normal_(0.0, scale)
        if kind == "sam":  # whose scores come without a sigmoid
            model.mask_decoder.iou_prediction_head.proj_out.weight.mul_(0.3)
            model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(0.5)
        elif kind == "owlv2":  # whose scores would all be 0 or 1
            for layer in (model.class_head.logit_shift, model.class_head.logit_scale):
                layer.weight.mul_(0.1)
    return model


def _add_tokenizer(kind: str, folder: Path) -> None:
    if kind == "owlv2":
        from transformers import CLIPTokenizer

        vocabulary = ["!", "<|startoftext|>", "<|endoftext|>"]
        merges = []
        for word in _WORDS:  # each word grows letter by letter
            letters = [*word[:-1], f"{word[-1]}</w>"]
            vocabulary += letters
            for count in range(1, len(letters)):
                merges.append(("".join(letters[:count]), letters[count]))
                vocabulary.append("".join(letters[: count + 1]))
        numbers = {token: number for number, token in enumerate(dict.fromkeys(vocabulary))}
        CLIPTokenizer(vocab=numbers, merges=merges).save_pretrained(folder)
    elif kind == "grounding-dino":
        from transformers import BertTokenizer

        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]
        numbers = {token: number for number, token in enumerate(vocabulary)}
        BertTokenizer(vocab=numbers).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_model() -> Callable[[str], Any]:
    """A function: a name of `_BUILDERS` -> the model, random weights, the same object each time."""
    made: dict[str, Any] = {}

    def build(kind: str) -> Any:
        if kind not in made:
            made[kind] = _random_model(kind)
        return made[kind]

    return build


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tiny_model: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Path]]:
    """A function: a name of `_BUILDERS` -> a folder with that model's files; leave it as it is."""
    made: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            model = tiny_model(kind)
            model.save_pretrained(folder)
            if kind == "sam3_video":
                # As the public SAM 3 lies on the hub: the keys of the model itself. What this version of
                # transformers writes has a part of them with their prefix twice.
                _save_plainly(model, folder)
            _add_tokenizer(kind, folder)
            made[kind] = folder
        return made[kind]

    yield save
    for folder in made.values():
        shutil.rmtree(folder, ignore_errors=True)


def _save_plainly(model: PreTrainedModel, folder: Path) -> None:
    from safetensors.torch import save_file

    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
