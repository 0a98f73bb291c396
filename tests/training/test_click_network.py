"""Objective of the click network: losses, corrected clicks, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from follow_your_click.data.click_examples import ClickExamples
from follow_your_click.data.photos import bundled_library
from follow_your_click.data.true_masks import MaskedPhoto, Part
from follow_your_click.errors import SettingsError
from follow_your_click.models.click_network import ClickFeatures, ClickNetwork, ClickPrompts
from follow_your_click.segmentation.click import ClickSegmenter
from follow_your_click.training.click_network import (
    ClickObjective,
    _known_of,
    _rim_weights,
    _rims,
    with_names,
)
from follow_your_click.training.run import train

TINY = {
    "widths": [8, 16, 16, 16],
    "blocks": [1, 1, 1, 1],
    "decoder_widths": [8, 16, 16, 16],
    "similarity_heads": 2,
}


@pytest.fixture(scope="module")
def objective() -> ClickObjective:
    torch.manual_seed(0)
    network = ClickNetwork((8, 16, 16, 16), (1, 1, 1, 1), (8, 16, 16, 16), 2)
    examples = ClickExamples(bundled_library(), [], held_out=set(), size=64)
    return ClickObjective(network, examples, [], rounds=2)


def test_first_clicks_lie_on_the_object(objective: ClickObjective) -> None:
    batch = objective.batch(24, seed=0, step=3)
    assert batch.images.shape == (24, 3, 64, 64) and batch.images.abs().max() <= 1
    boxed = 0
    for masks, points, labels, box in zip(
        batch.masks, batch.prompts.points, batch.prompts.labels, batch.prompts.boxes, strict=True
    ):
        if labels[0] == 1:
            x, y = points[0].int()
            assert masks[1, y, x] == 1
        else:
            boxed += 1
            assert box[2] > box[0] and box[3] > box[1]
    assert 0 < boxed < 24


def test_some_steps_go_on_after_the_first_click(
    objective: ClickObjective, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    decode = objective.model.decode

    def counted(
        features: ClickFeatures, prompts: ClickPrompts
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shown.append(int((prompts.labels >= 0).sum(dim=1).max()))
        return decode(features, prompts)

    monkeypatch.setattr(objective.model, "decode", counted)
    rounds = []
    for step in range(12):
        shown.clear()
        batch = objective.batch(4, seed=0, step=step)
        objective.loss(batch, generator=torch.Generator().manual_seed(0))
        rounds.append(len(shown))
        assert shown == [1, 2][: len(shown)]
    assert set(rounds) == {1, 2}


def test_a_pixel_at_the_rim_weighs_more_and_a_mask_as_much_as_before() -> None:
    masks = np.zeros((3, 32, 32), np.bool_)
    masks[:, 10:22, :20] = True  # it goes on beyond the left side
    weights = _rim_weights(torch.from_numpy(_rims(masks))[None])
    assert torch.allclose(weights.mean(dim=(2, 3)), torch.ones(1, 3))
    plain = weights[0, 1, 0, 31]
    for row, column, heavy in ((10, 5, True), (8, 5, True), (15, 19, True), (15, 0, False)):
        assert weights[0, 1, row, column] == pytest.approx(float(plain) * (5 if heavy else 1))
    assert not _rims(np.ones((3, 8, 8), np.bool_)).any()
    assert torch.equal(_rim_weights(torch.zeros(1, 3, 8, 8)), torch.ones(1, 3, 8, 8))


def test_the_next_click_lies_in_the_largest_error(objective: ClickObjective) -> None:
    import random as random_module

    batch = objective.batch(4, seed=0, step=5)
    nothing = torch.full((4, 4, 64, 64), -5.0)
    meant = [0 if part else 1 for part in batch.known[:, 0]]
    assert set(meant) == {0, 1}
    random = random_module.Random(0)
    corrected = objective._corrected(batch.prompts, batch, nothing, meant, random)
    for index, level in enumerate(meant):
        given = (corrected.labels[index] >= 0).nonzero()[-1, 0]
        assert corrected.labels[index, given] == 1, "all of it is missed"
        x, y = corrected.points[index, given].int()
        assert batch.masks[index, level, y, x] == 1


def test_further_clicks_say_nothing_of_the_other_levels() -> None:
    known = torch.tensor(
        [[True, True, True, True], [True, True, True, True], [False, True, True, False]]
    )
    of_part, of_object, headless = _known_of(known, [0, 1, 1]).tolist()
    assert of_part == [True, False, False, False]
    assert of_object == [False, True, True, True] and headless == [False, True, True, False]


def test_the_loss_falls_on_a_fixed_batch(objective: ClickObjective) -> None:
    batch = objective.batch(6, seed=1, step=0)
    optimizer = torch.optim.AdamW(objective.model.parameters(), 5e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(25):
        figures = objective.loss(batch, generator=generator)
        optimizer.zero_grad()
        figures["loss"].backward()
        optimizer.step()
        losses.append(float(figures["loss"].detach()))
    assert np.mean(losses[-3:]) < 0.6 * losses[0]


def test_of_names_nothing_else_is_trained_and_the_loss_falls() -> None:
    torch.manual_seed(0)
    network = ClickNetwork((8, 16, 16, 16), (1, 1, 1, 1), (8, 16, 16, 16), 2)
    network(
        torch.randn(4, 3, 64, 64), _nothing_asked(4)
    )  # statistics that are not those of the start
    named = with_names(network, ["lid", "tail"])
    area = np.zeros((96, 96), np.bool_)
    area[10:80, 10:80] = True
    parts = [Part("tail", area & (np.arange(96) < 40)), Part("lid", area & (np.arange(96) >= 40))]
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    photo = MaskedPhoto("scene", image, area[None], tuple(parts))
    examples = ClickExamples(bundled_library(), [], outlined=[photo], held_out=set(), size=64)
    objective = ClickObjective(
        named, examples, [], named=True, validation_parts=[(image, parts)], rounds=2
    )
    before = {name: value.clone() for name, value in named.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in named.parameters() if p.requires_grad], 0.02)
    losses = []
    for step in range(30):
        named.train()
        batch = objective.batch(8, seed=0, step=0)
        assert batch.prompts.names is not None and (batch.prompts.boxes == 0).all()
        loss = objective.loss(batch, generator=torch.Generator().manual_seed(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.95 * losses[0]
    changed = {name for name, value in named.state_dict().items() if not value.equal(before[name])}
    assert changed and all(name.startswith("named.") for name in changed)
    assert "named.vectors" not in changed
    figures, _ = objective.validate(named.eval())
    assert set(figures) == {"iou_named", "iou_part"} and 0 < figures["iou_named"] < 1


def test_names_want_outlined_parts(tmp_path: Path) -> None:
    overrides = [f"output={tmp_path}", "steps=2", "batch_size=2", "objective.size=64"]
    with pytest.raises(SettingsError, match="got no data; expected photos whose parts"):
        train("mini-names", overrides=overrides)


def _nothing_asked(count: int) -> ClickPrompts:
    return ClickPrompts(
        torch.zeros(count, 1, 2),
        torch.full((count, 1), -1),
        torch.zeros(count, 4),
        torch.zeros(count, 1, 64, 64),
    )


def test_the_recipe_trains_exports_and_loads(tmp_path: Path) -> None:
    overrides = [f"output={tmp_path}", "steps=2", "batch_size=2", "objective.size=64"]
    model = str(TINY).replace("'", '"')
    folder = train("mini-click", overrides=[*overrides, f"objective.model={model}"])
    segmenter = ClickSegmenter.from_pretrained(folder)
    segmenter.set_image(np.zeros((40, 30, 3), np.uint8))
    assert segmenter.predict(point_coords=np.array([[3, 4]], np.float32)).masks.shape == (3, 40, 30)
