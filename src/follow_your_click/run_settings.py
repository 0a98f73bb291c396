"""Settings of one clip, and what they may be."""

from dataclasses import dataclass

from follow_your_click.errors import SettingsError


@dataclass(frozen=True)
class RunSettings:
    """Settings of one clip, checked and complete."""

    num_frames: int
    fps: float
    num_inference_steps: int
    guidance_scale: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("num_frames", "num_inference_steps", "seed"):
            _check_whole(name, getattr(self, name))
        check_range("num_frames", self.num_frames, 2, 64)
        check_range("fps", self.fps, 0.1, 120)
        check_range("num_inference_steps", self.num_inference_steps, 1, 1000)
        check_range("guidance_scale", self.guidance_scale, 1, 50)
        check_range("seed", self.seed, 0, 2**63 - 1)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises SettingsError for a value outside of it."""
    if not low <= value <= high:
        raise SettingsError(f"got {name} {value}; expected {low:g} to {high:g}")


def _check_whole(name: str, value: float) -> None:
    if not isinstance(value, int):
        raise SettingsError(f"got {name} {value!r}; expected a whole number")
