"""The paper's size with random weights: parameters, seconds and peak memory of the network, of a clip, and of diffusers' own.

    python benchmarks/full_size.py                            # one U-Net forward at 256 x 256 px, 8 frames, on this CPU
    python benchmarks/full_size.py --computed                 # operations and peak memory from shapes alone, in use and in training
    python benchmarks/full_size.py --device cuda --clip       # steps and clips at 256 and 512 px, 16 and 24 frames, by setting

Time and memory do not depend on the values of the weights, so no download is needed.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from torch.utils.flop_counter import FlopCounterMode

from follow_your_click.models.stable_diffusion import CONFIGS
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.training.config import read_values
from follow_your_click.training.full_size.config import parse_full_size
from follow_your_click.training.full_size.parts import count, freeze_all_but, part_of

SD15 = json.loads((CONFIGS / "unet" / "config.json").read_text(encoding="utf-8"))
TEXT = (77, 768)


def our_network(dtype: torch.dtype, device: str) -> RegionalMotionUNet:
    """The paper's network on random weights."""
    return materialised(lambda: RegionalMotionUNet(), dtype, device)


def their_network(dtype: torch.dtype, device: str) -> UNetMotionModel:
    """AnimateDiff's network as diffusers has it."""

    def build() -> UNetMotionModel:
        base = UNet2DConditionModel.from_config(SD15)
        return UNetMotionModel.from_unet2d(base, MotionAdapter(), load_weights=False)

    return materialised(build, dtype, device)


def materialised(build: Callable[[], Any], dtype: torch.dtype, device: str) -> Any:
    with torch.device("meta"):
        model = build()
    model = model.to(dtype).to_empty(device=device).eval()
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02, generator=generator)
        for buffer in model.buffers():
            buffer.zero_()
    return model


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


@torch.no_grad()
def timed(run: Callable[[], Any], device: str, repeats: int) -> dict[str, float]:
    """Seconds of the fastest of so many runs after a first, and peak memory in GB."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        run()
    seconds = []
    for _ in range(repeats):
        synchronise(device)
        started = time.perf_counter()
        run()
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"seconds": round(min(seconds), 4), "peak_gb": round(peak, 2)}


def inputs(
    channels: int, side: int, frames: int, batch: int, dtype: torch.dtype, device: str
) -> Any:
    places = {"device": device, "dtype": dtype}
    sample = torch.randn((batch, channels, frames, side // 8, side // 8), **places)
    return sample, torch.randn((batch, *TEXT), **places)


def forward(
    side: int, frames: int, batch: int, dtype: torch.dtype, device: str, repeats: int
) -> None:
    """One forward of each network, ours and diffusers'."""
    label = {"side": side, "frames": frames, "batch": batch, "dtype": str(dtype)[6:]}

    def report(network: str, run: Callable[[], Any]) -> None:
        measured = timed(run, device, repeats)
        print(json.dumps({"network": network, **label, **measured}), flush=True)

    ours = our_network(dtype, device)
    sample, text = inputs(9, side, frames, batch, dtype, device)
    told = {
        "motion_encoder_hidden_states": text,
        "motion_strength": torch.full((batch,), 2.0, device=device),
        "fps": torch.full((batch,), 8.0, device=device),
    }
    report("RegionalMotionUNet", partial(ours, sample, 500, text, **told))
    del ours
    theirs = their_network(dtype, device)
    sample, text = inputs(4, side, frames, batch, dtype, device)
    text = text.repeat_interleave(frames, dim=0)
    report("UNetMotionModel (diffusers)", partial(theirs, sample, 500, text))


def autoencoder(side: int, frames: int, dtype: torch.dtype, device: str) -> None:
    """Decoding a clip: whole, frame by frame, in tiles."""
    config = json.loads((CONFIGS / "vae" / "config.json").read_text(encoding="utf-8"))
    vae = materialised(lambda: AutoencoderKL.from_config(config), dtype, device)
    latents = torch.randn((frames, 4, side // 8, side // 8), device=device, dtype=dtype)
    for setting in ("none", "slicing", "tiling"):
        if setting == "slicing":
            vae.enable_slicing()
        if setting == "tiling":
            vae.enable_tiling()

        def decode() -> None:
            for chunk in latents.split(8):
                vae.decode(chunk)

        print(
            json.dumps(
                {"autoencoder": setting, "side": side, "frames": frames, **timed(decode, device, 1)}
            ),
            flush=True,
        )


def computed() -> None:
    """Peak memory of one forward, of decoding, and of a training step, by torch's tracker on tensors without memory."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker

    def peak(
        build: Callable[[], Any], run: Callable[[Any], Any], dtype: torch.dtype
    ) -> dict[str, float]:
        torch.set_default_dtype(dtype)
        with FakeTensorMode(allow_non_fake_inputs=True):
            model = build()
            tracker = MemTracker()
            tracker.track_external(model)
            with tracker:
                run(model)
            (found,) = tracker.get_tracker_snapshot("peak").values()
        torch.set_default_dtype(torch.float32)
        named = {str(kind).rpartition(".")[2].lower(): size / 1e9 for kind, size in found.items()}
        return {f"{kind}_gb": round(named[kind], 2) for kind in ("param", "grad", "act", "total")}

    def forward_of(side: int, frames: int, batch: int) -> Callable[[Any], Any]:
        def run(network: Any) -> Any:
            sample, text = inputs(9, side, frames, batch, torch.get_default_dtype(), "cpu")
            told = {name: torch.ones(batch) for name in ("motion_strength", "fps")}
            return network(sample, 500, text, motion_encoder_hidden_states=text, **told).sample

        return run

    def step_of(frames: int, batch: int) -> Callable[[Any], Any]:
        return lambda network: forward_of(512, frames, batch)(network).float().mean().backward()

    def report(**facts: Any) -> None:
        print(json.dumps({"computed": True, **facts}), flush=True)

    for side, frames, batch, dtype in (
        (256, 8, 1, torch.float32),
        (512, 16, 1, torch.float16),
        (512, 16, 2, torch.float16),
        (512, 16, 2, torch.float32),
        (512, 24, 2, torch.float16),
    ):
        with torch.no_grad():
            size = peak(lambda: RegionalMotionUNet().eval(), forward_of(side, frames, batch), dtype)
        report(forward=[side, frames, batch], dtype=str(dtype)[6:], **size)
    config = json.loads((CONFIGS / "vae" / "config.json").read_text(encoding="utf-8"))
    for chunk, setting in ((8, "8 frames at once"), (1, "vae_slicing")):
        with torch.no_grad():
            size = peak(
                lambda: AutoencoderKL.from_config(config).eval(),
                lambda vae, count=chunk: vae.decode(torch.randn(count, 4, 64, 64)),
                torch.float16,
            )
        report(decoding=setting, **size)

    def trained() -> RegionalMotionUNet:
        # All of it: the tracker cannot follow frozen weights. With checkpointing little of what it keeps depends on that.
        network = RegionalMotionUNet().train()
        network.enable_gradient_checkpointing()
        return network

    for batch in (1, 3):
        size = peak(trained, step_of(24, batch), torch.bfloat16)
        report(training_step=[512, 24, batch], dtype="bfloat16", **size)


def operations() -> None:
    """Floating-point operations of a forward, and of a training step with the parts frozen that the recipe freezes."""
    recipe = parse_full_size(read_values("sd15-webvid")[0], "sd15-webvid")

    def counted(build: Callable[[], Any], run: Callable[[Any], Any]) -> float:
        with torch.device("meta"):
            model = build()
            with FlopCounterMode(display=False) as counter:
                run(model)
        return round(counter.get_total_flops() / 1e12, 2)

    def forward_of(side: int, frames: int) -> Callable[[Any], Any]:
        def run(network: Any) -> Any:
            sample, text = inputs(9, side, frames, 1, torch.float32, "meta")
            told = {name: torch.ones(1) for name in ("motion_strength", "fps")}
            time = torch.ones(1)
            return network(sample, time, text, motion_encoder_hidden_states=text, **told).sample

        return run

    def trained(checkpointing: bool) -> RegionalMotionUNet:
        network = RegionalMotionUNet().train()
        freeze_all_but(network, recipe.trainable, frozen=torch.float32)
        if checkpointing:
            network.enable_gradient_checkpointing()
        return network

    config = json.loads((CONFIGS / "vae" / "config.json").read_text(encoding="utf-8"))
    found: dict[str, float] = {}
    with torch.no_grad():
        for side, frames in ((256, 8), (512, 16), (512, 24)):
            run = forward_of(side, frames)
            found[f"forward {side} px, {frames} frames"] = counted(RegionalMotionUNet, run)
        found["encoding one frame of 512 px"] = counted(
            lambda: AutoencoderKL.from_config(config),
            lambda vae: vae.encode(torch.ones(1, 3, 512, 512)),
        )
    for checkpointing in (True, False):
        found[f"step of one clip, 512 px, 24 frames, checkpointing {checkpointing}"] = counted(
            partial(trained, checkpointing),
            lambda network: forward_of(512, 24)(network).sum().backward(),
        )
    print(json.dumps({"computed": True, "teraflops": found}), flush=True)


def parameters() -> None:
    """How many there are, by part, without their memory."""
    with torch.device("meta"):
        network = RegionalMotionUNet()
    parts: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        parts[part_of(name)] = parts.get(part_of(name), 0) + parameter.numel()
    millions = {part: round(number / 1e6, 1) for part, number in parts.items()}
    print(
        json.dumps(
            {"parameters_millions": millions, "all": round(count(network.parameters()) / 1e6, 1)}
        ),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--computed", action="store_true", help="from shapes, nothing is run")
    parser.add_argument("--clip", action="store_true", help="all sizes, and the autoencoder")
    arguments = parser.parse_args()
    device = arguments.device
    parameters()
    if arguments.computed:
        operations()
        computed()
        return
    if not arguments.clip:
        forward(256, 8, 1, torch.float32, device, 1)
        return
    for side in (256, 512):
        for frames in (16, 24):
            forward(
                side, frames, 2, torch.float16 if device == "cuda" else torch.float32, device, 3
            )
    autoencoder(512, 16, torch.float16 if device == "cuda" else torch.float32, device)


if __name__ == "__main__":
    main()
