"""The click network: shapes, what a prompt changes, and that the photo is encoded once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from follow_your_click.models.checkpoints import load_component
from follow_your_click.models.click_network import (
    LEVELS,
    PROMPT_CHANNELS,
    ClickNetwork,
    ClickPrompts,
    prompt_maps,
)
from follow_your_click.named_parts import NOUNS


@pytest.fixture(scope="module")
def network() -> ClickNetwork:
    torch.manual_seed(0)
    return ClickNetwork((8, 8, 16, 16), (1, 1, 1, 1), (8, 8, 8, 16), similarity_heads=2).eval()


def _prompts(
    points: list[tuple[float, float]], labels: list[int], size: tuple[int, int] = (64, 96)
) -> ClickPrompts:
    return ClickPrompts(
        torch.tensor([points], dtype=torch.float32),
        torch.tensor([labels]),
        torch.zeros(1, 4),
        torch.zeros(1, 1, *size),
    )


def _run(network: ClickNetwork, prompts: ClickPrompts, seed: int = 1) -> torch.Tensor:
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    with torch.no_grad():
        return network(image, prompts)[0]


def test_the_shipped_network_keeps_within_four_million_parameters_and_knows_what_prompts_may_name() -> (
    None
):
    shipped = load_component(ClickNetwork, "mini/click_network")
    assert sum(p.numel() for p in shipped.parameters()) <= 4_000_000
    assert "tail" in shipped.config.names and NOUNS.issuperset(shipped.config.names)
    assert shipped.named is not None and shipped.named.vectors.abs().sum(dim=1).min() > 0


def _told(network: ClickNetwork) -> ClickNetwork:
    """The network with two names, of which it knows nothing yet."""
    told = ClickNetwork(**{**network.config, "names": ("tail", "lid"), "name_channels": 4})
    told.load_state_dict(network.state_dict(), strict=False)
    assert told.named is not None
    told.named.vectors.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]))
    return told.eval()


def test_a_name_changes_what_is_found_only_where_it_is_told(network: ClickNetwork) -> None:
    told, prompts = _told(network), _prompts([(20.0, 30.0)], [1])
    tail, lid = (replace(prompts, names=told.places([name])) for name in ("tail", "lid"))
    expected = _run(network, prompts)
    assert torch.equal(_run(told, prompts), expected)
    assert torch.allclose(_run(told, tail), expected, atol=1e-6), "at the start it changes nothing"
    assert told.named is not None
    torch.manual_seed(3)
    torch.nn.init.normal_(told.named.mask.weight)
    torch.nn.init.normal_(told.named.stages[-1].weight)
    assert torch.equal(_run(told, prompts), expected)
    one, other = _run(told, tail), _run(told, lid)
    assert not torch.allclose(one[:, 0], expected[:, 0], atol=1e-3)
    assert not torch.allclose(one[:, 0], other[:, 0], atol=1e-3)
    folded = told.folded()
    assert torch.allclose(_run(folded, tail), one, atol=1e-4)


def test_masks_have_the_photo_s_size_and_scores_are_shares(network: ClickNetwork) -> None:
    image = torch.rand(2, 3, 64, 96)
    one = _prompts([(5.0, 7.0)], [1])
    prompts = ClickPrompts(
        *(torch.cat([x, x]) for x in (one.points, one.labels, one.boxes, one.mask))
    )
    logits, scores = network(image, prompts)
    assert logits.shape == (2, len(LEVELS), 64, 96)
    assert scores.shape == (2, len(LEVELS))
    assert ((scores > 0) & (scores < 1)).all()


def test_every_kind_of_prompt_changes_the_masks(network: ClickNetwork) -> None:
    base = _prompts([(20.0, 30.0)], [1])
    box = torch.tensor([[4.0, 6.0, 40.0, 50.0]])
    others = {
        "place": _prompts([(70.0, 30.0)], [1]),
        "sign": _prompts([(20.0, 30.0)], [0]),
        "second point": _prompts([(20.0, 30.0), (60.0, 10.0)], [1, 0]),
        "box": ClickPrompts(base.points, base.labels, box, base.mask),
        "mask": ClickPrompts(base.points, base.labels, base.boxes, torch.ones_like(base.mask)),
    }
    expected = _run(network, base)
    for name, prompts in others.items():
        assert not torch.allclose(_run(network, prompts), expected, atol=1e-4), name


def test_empty_places_for_points_and_their_order_change_nothing(network: ClickNetwork) -> None:
    points = [(20.0, 30.0), (60.0, 10.0)]
    expected = _run(network, _prompts(points, [1, 0]))
    padded = _run(network, _prompts([*points, (1.0, 1.0)], [1, 0, -1]))
    turned = _run(network, _prompts(points[::-1], [0, 1]))
    assert torch.allclose(padded, expected, atol=1e-5)
    assert torch.allclose(turned, expected, atol=1e-5)


def test_decoding_kept_features_is_the_whole_network(network: ClickNetwork) -> None:
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        features = network.encode(image)
        for place in ((3.0, 4.0), (50.0, 60.0)):
            prompts = _prompts([place], [1])
            assert torch.equal(network.decode(features, prompts)[0], network(image, prompts)[0])


def test_prompt_maps_say_where() -> None:
    prompts = ClickPrompts(
        torch.tensor([[[21.5, 41.5], [61.5, 9.5]]]),
        torch.tensor([[1, 0]]),
        torch.tensor([[8.0, 16.0, 32.0, 48.0]]),
        torch.zeros(1, 1, 64, 96),
    )
    maps = prompt_maps(prompts, (64, 96))[0]
    assert maps.shape == (PROMPT_CHANNELS, 16, 24)
    for channel, (row, column) in ((0, (10, 5)), (2, (2, 15))):
        assert divmod(int(maps[channel].argmax()), 24) == (row, column)
        assert divmod(int(maps[channel + 1].argmin()), 24) == (row, column)
    assert maps[4].sum() == 6 * 8 and maps[4, 4:12, 2:8].all()
    assert (maps[5] == 1).all()
    none = ClickPrompts(prompts.points, prompts.labels, torch.zeros(1, 4), prompts.mask)
    assert (prompt_maps(none, (64, 96))[0, 4:] == 0).all()


def test_a_folded_network_computes_the_same() -> None:
    trained = ClickNetwork((8, 8, 16, 16), (1, 1, 1, 1), (8, 8, 8, 16), similarity_heads=2)
    torch.manual_seed(2)
    for _ in range(3):  # running statistics that are not those of the start
        trained(torch.rand(4, 3, 64, 96) * 2 - 1, _four(_prompts([(20.0, 30.0)], [1])))
    trained.eval()
    prompts = _prompts([(20.0, 30.0), (60.0, 10.0)], [1, 0])
    folded = trained.folded()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert torch.allclose(_run(folded, prompts), _run(trained, prompts), atol=1e-4)


def _four(prompts: ClickPrompts) -> ClickPrompts:
    fields = (prompts.points, prompts.labels, prompts.boxes, prompts.mask)
    return ClickPrompts(*(torch.cat([x] * 4) for x in fields))
