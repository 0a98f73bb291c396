"""The noise schedules of the models: linear betas 0.00085 ... 0.012 over 1000 steps, as AnimateDiff, PIA and the paper have."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler

TRAIN_TIMESTEPS = 1000
BETAS = (0.00085, 0.012)


def paper_scheduler() -> DDIMScheduler:
    """DDIM with the schedule of the paper's released config: v-prediction, zero terminal SNR.

    Trailing spacing, because only it starts at the last timestep, where a zero-terminal-SNR model is
    told that its input is pure noise.
    """
    return _linear(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )


def animatediff_scheduler() -> DDIMScheduler:
    """DDIM as AnimateDiff's and PIA's public weights are sampled: noise prediction, evenly spaced timesteps."""
    return _linear(prediction_type="epsilon", timestep_spacing="linspace")


def _linear(**settings: Any) -> DDIMScheduler:
    return DDIMScheduler(
        num_train_timesteps=TRAIN_TIMESTEPS,
        beta_start=BETAS[0],
        beta_end=BETAS[1],
        beta_schedule="linear",
        clip_sample=False,
        steps_offset=1,
        **settings,
    )
