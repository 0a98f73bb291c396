"""The training loop on accelerate: one process or many, resumable, each step a function of the seed and its number."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, DistributedType
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from follow_your_click.data.whole_clips import ClipSource
from follow_your_click.errors import MissingExtraError, SettingsError
from follow_your_click.models.unet import RegionalMotionUNet
from follow_your_click.pipeline import RegionalAnimationPipeline
from follow_your_click.training.full_size import checkpoints as saved
from follow_your_click.training.full_size.config import FullSizeConfig
from follow_your_click.training.full_size.objective import Examples, FullSizeObjective
from follow_your_click.training.full_size.parts import freeze_all_but, trained_parameters
from follow_your_click.training.motion_unet import contact_sheet
from follow_your_click.training.trainer import checkpoints, learning_rate_at

logger = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
VALIDATION_PLACES = 1_000_000_007  # far from any that is trained on: other noise


class FullSizeTrainer:
    """Trains one stage; what accelerate is told by its launcher decides on how many devices.

    Example j of step s has the place s G + j in the stream, G being the global batch, whichever process works on it.

    Args:
        objective: the models, on the CPU, and the clips.
        config: the stage.
        validation: held-out clips, if there are any.
    """

    def __init__(
        self, objective: FullSizeObjective, config: FullSizeConfig, validation: ClipSource | None
    ) -> None:
        self.config, self.objective, self.validation = config, objective, validation
        self.accelerator = Accelerator(
            gradient_accumulation_steps=config.gradient_accumulation_steps,
            mixed_precision={"fp32": "no"}.get(config.precision, config.precision),
            log_with=None if config.tracker == "none" else config.tracker,
            project_dir=str(config.output),
            # Without it DDP keeps every gradient twice.
            kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
        )
        _tell_deepspeed(self.accelerator, config)
        device = self.accelerator.device
        unet = objective.parts.unet.train()
        freeze_all_but(unet, config.trainable, frozen=DTYPES[config.frozen_precision])
        if config.gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        for frozen in (objective.parts.vae, objective.parts.text_encoder):
            frozen.requires_grad_(False).eval().to(device)
        trained = trained_parameters(unet)
        optimizer = _optimizer(config)(
            list(trained.values()),
            lr=config.optimizer.learning_rate,
            betas=config.optimizer.betas,
            weight_decay=config.optimizer.weight_decay,
        )
        self.unet, self.optimizer = self.accelerator.prepare(unet, optimizer)
        self.trained = trained_parameters(self._plain())
        _check_sharding(self.accelerator)
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.step = 0
        self.global_batch = (
            config.batch_size * config.gradient_accumulation_steps * self.accelerator.num_processes
        )

    def fit(self) -> dict[str, Tensor] | None:
        """Train to the last step. The U-Net's weights with the average in place, on the main process; else None."""
        config = self.config
        config.output.mkdir(parents=True, exist_ok=True)
        self._resume()
        if config.tracker != "none":
            self.accelerator.init_trackers(config.name, config=_flat(config))
        started, first_step = time.monotonic(), self.step
        with self._examples() as examples:
            while self.step < config.steps:
                figures = self._train_step(examples)
                self.step += 1
                last = self.step == config.steps
                if self.step % config.log_every == 0 or last:
                    seconds = time.monotonic() - started
                    rate = (self.step - first_step) * self.global_batch / seconds
                    self._log({"step": self.step, **figures, "clips_per_second": round(rate, 3)})
                if self.step % config.validate_every == 0 or last:
                    self._validate()
                if self.step % config.checkpoint_every == 0 or last:
                    self._save()
        with self._averaged():
            # Copied: on one process and under DDP these are the parameters themselves, about to be put back.
            state: dict[str, Tensor] = {
                name: value.detach().cpu().clone()
                for name, value in self.accelerator.get_state_dict(self.unet).items()
            }
        self.accelerator.end_training()
        return state if self.accelerator.is_main_process else None

    def _train_step(self, examples: Iterator[Examples]) -> dict[str, float]:
        config, total = self.config, torch.zeros((), device=self.accelerator.device)
        rate = learning_rate_at(self.step, config.steps, config.optimizer)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        for _ in range(config.gradient_accumulation_steps):
            with self.accelerator.accumulate(self.unet), self.accelerator.autocast():
                losses = self.objective.losses(self.unet, next(examples), self.accelerator.device)
                self.accelerator.backward(losses.mean())
                total += losses.detach().mean() / config.gradient_accumulation_steps
                norm = None
                if self.accelerator.sync_gradients:
                    norm = self.accelerator.clip_grad_norm_(
                        self.unet.parameters(), config.optimizer.max_grad_norm
                    )
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
        self._follow()
        loss = self.accelerator.reduce(total, reduction="mean")
        if not loss.isfinite():
            raise SettingsError(
                f"the loss of step {self.step} is not finite; go on from the last checkpoint with a lower"
                " optimizer.learning_rate, or precision bf16 or fp32"
            )
        figures = {"loss": round(float(loss), 6), "learning_rate": rate}
        return figures if norm is None else {**figures, "grad_norm": round(float(norm), 4)}

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the weights; faster early in a run, so that it forgets where it began."""
        keep = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        for name, parameter in self.trained.items():
            self.average[name].lerp_(parameter.detach(), 1 - keep)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """With the average in place of the weights."""
        with torch.no_grad():
            weights = {name: p.detach().clone() for name, p in self.trained.items()}
            for name, parameter in self.trained.items():
                parameter.copy_(self.average[name])
            self._forget_gathered()
            try:
                yield
            finally:
                for name, parameter in self.trained.items():
                    parameter.copy_(weights[name])
                self._forget_gathered()

    def _forget_gathered(self) -> None:
        """Weights were changed by hand: what FSDP has gathered of them (it keeps the outermost unit's) is out of date."""
        for module in self._plain().modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    @contextmanager
    def _examples(self) -> Iterator[Iterator[Examples]]:
        """This process's micro-batches from here on, read ahead by threads."""
        config, accelerator = self.config, self.accelerator

        def places() -> Iterator[list[int]]:
            for step in range(self.step, config.steps):
                for micro in range(config.gradient_accumulation_steps):
                    before = micro * accelerator.num_processes + accelerator.process_index
                    start = step * self.global_batch + before * config.batch_size
                    yield list(range(start, start + config.batch_size))

        with ThreadPoolExecutor(config.prefetch) as pool:

            def ahead() -> Iterator[Examples]:
                waiting: list[Future[Examples]] = []
                for each in places():
                    waiting.append(pool.submit(self.objective.draw, each))
                    if len(waiting) > config.prefetch:
                        yield waiting.pop(0).result()
                while waiting:
                    yield waiting.pop(0).result()

            try:
                yield ahead()
            finally:
                pool.shutdown(cancel_futures=True)

    @torch.no_grad()
    def _validate(self) -> None:
        """Loss on fixed held-out clips, and a sheet of truth above sample, by the averaged weights."""
        if self.validation is None:
            return
        config, device = self.config, self.accelerator.device
        places = [VALIDATION_PLACES + i for i in range(config.validation_clips)]
        held_out = self.objective.on(self.validation)
        examples = held_out.draw(places)
        with self._averaged(), self.accelerator.autocast():
            self._plain().eval()
            losses = held_out.losses(self.unet, examples, device)
            self._log({"step": self.step, "validation_loss": round(float(losses.mean()), 6)})
            # Sharded weights cannot be sampled from by the main process alone.
            sharded = self.accelerator.distributed_type in saved.SHARDED
            if self.accelerator.is_main_process and not sharded:
                self._sheet(held_out, examples)
            self._plain().train()
        self.accelerator.wait_for_everyone()

    def _sheet(self, held_out: FullSizeObjective, examples: Examples) -> None:
        config, device, batch = self.config, self.accelerator.device, examples.batch
        pipeline = pipeline_of(held_out, self._plain())
        pipeline.set_progress_bar_config(disable=True)
        everything = torch.ones(len(batch.captions), dtype=torch.bool)
        caption, motion = held_out.texts(batch, everything, everything, device)
        latents = held_out.latents(batch, device)
        sampled = pipeline(
            first_frame_latents=latents[:, :, 0],
            region_mask=batch.region_mask,
            prompt_embeds=caption,
            motion_prompt_embeds=motion,
            motion_strength=batch.motion_strength,
            fps=float(batch.fps[0]),
            num_frames=config.num_frames,
            num_inference_steps=config.validation_inference_steps,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
            return_dict=False,
        )[0]
        truth = pipeline.decode_latents(latents)
        folder = config.output / "samples"
        folder.mkdir(exist_ok=True)
        sheet = contact_sheet(truth * 2 - 1, sampled * 2 - 1)
        sheet.save(folder / f"{self.step:07d}.png")

    def _plain(self) -> RegionalMotionUNet:
        plain: RegionalMotionUNet = self.accelerator.unwrap_model(self.unet)
        return plain

    def _log(self, record: dict[str, Any]) -> None:
        if not self.accelerator.is_main_process:
            return
        line = json.dumps(record)
        logger.info(line)
        with (self.config.output / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        if self.config.tracker != "none":
            self.accelerator.log({k: v for k, v in record.items() if k != "step"}, step=self.step)

    def _save(self) -> None:
        state = {
            "step": self.step,
            "global_batch": self.global_batch,
            "config": self.config.model_dump(mode="json"),
        }
        saved.save(
            self.config.output,
            self.accelerator,
            self.trained,
            self.average,
            self.optimizer,
            state,
            keep=self.config.keep_checkpoints,
        )

    def _resume(self) -> None:
        found = checkpoints(self.config.output)
        if not found:
            return
        state = saved.load(found[-1], self.accelerator, self.trained, self.average, self.optimizer)
        if state["global_batch"] != self.global_batch:
            raise SettingsError(
                f"{self.config.output} was begun with a global batch of {state['global_batch']} clips, got"
                f" {self.global_batch}; change batch_size or gradient_accumulation_steps to match"
            )
        self.step = int(state["step"])
        logger.info("resumed from %s", found[-1])


def pipeline_of(
    objective: FullSizeObjective, unet: RegionalMotionUNet
) -> RegionalAnimationPipeline:
    """The pipeline that these weights are for."""
    parts, settings = objective.parts, objective.settings
    return RegionalAnimationPipeline(
        parts.vae,
        parts.text_encoder,
        parts.tokenizer,
        unet,
        objective.scheduler,
        settings.mask_layout,
        settings.first_frame_layout,
    )


def _flat(config: FullSizeConfig) -> dict[str, int | float | str | bool]:
    """A config as trackers take it: dotted keys, and text for what is no single value."""
    plain: dict[str, int | float | str | bool] = {}

    def put(prefix: str, values: dict[str, Any]) -> None:
        for key, value in values.items():
            if isinstance(value, dict):
                put(f"{prefix}{key}.", value)
            else:
                single = isinstance(value, int | float | str | bool)
                plain[f"{prefix}{key}"] = value if single else json.dumps(value)

    put("", config.model_dump(mode="json"))
    return plain


def _optimizer(config: FullSizeConfig) -> Any:
    if config.optimizer.kind == "adamw":
        return torch.optim.AdamW
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingExtraError(
            "optimizer.kind adamw-8bit needs bitsandbytes: pip install '.[train]'"
        ) from error
    return AdamW8bit


def _tell_deepspeed(accelerator: Accelerator, config: FullSizeConfig) -> None:
    """What accelerate would read off a data loader, which there is none of, and what DeepSpeed does by itself."""
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        told = accelerator.state.deepspeed_plugin.deepspeed_config
        told["train_micro_batch_size_per_gpu"] = config.batch_size
        told["gradient_accumulation_steps"] = config.gradient_accumulation_steps
        told["gradient_clipping"] = config.optimizer.max_grad_norm


def _check_sharding(accelerator: Accelerator) -> None:
    """ZeRO stage 3 leaves a process no parameter whose average it could follow."""
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        plugin = accelerator.state.deepspeed_plugin
        if plugin is not None and plugin.zero_stage == 3:
            raise SettingsError("got DeepSpeed's ZeRO stage 3; expected stage 1 or 2, or FSDP")
