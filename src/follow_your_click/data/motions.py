"""Motions as exact, deterministic maps of an object's box over time.

Axes: B clips, F frames, N points, H W rows and columns of the window.

Window units: 0 ... 1 over the window's side, x to the right, y down. Box units: (u, v) in [-1, 1]
inside the object's box, (0, 0) its centre, v = 1 its bottom. A motion is either a warp in
box units or a pose, an affine map in window units.
Nothing is drawn at random: the same motion, amplitude and box give the same map, so that a model
has to learn only what the words and the strength say.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from follow_your_click.data.motion_prompts import JOIN
from follow_your_click.data.warps import WarpForm, warp_forward
from follow_your_click.errors import SettingsError

REFERENCE_SIDE = 256
"""Motion strength is in pixels per frame at this window side."""

_SOLVER_STEPS = 5
_DIAGONAL = 1 / math.sqrt(2)
DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
    "up_left": (-_DIAGONAL, -_DIAGONAL),
    "up_right": (_DIAGONAL, -_DIAGONAL),
    "down_left": (-_DIAGONAL, _DIAGONAL),
    "down_right": (_DIAGONAL, _DIAGONAL),
}

MAX_AMPLITUDE: dict[str, float] = {
    "rotate_clockwise": 3.2,  # radians over the clip
    "rotate_counterclockwise": 3.2,
    "spin": 7.5,  # half a radian per frame at 16 frames, still followed by the eye
    "swing": 0.7,
    "rock": 0.35,
    "breathe": 0.25,  # natural logarithm of the scale
    "grow": 0.6,
    "shrink": 0.7,
    "sway": 1.2,  # of the box's half width, at the top
    "wave": 0.5,  # of the half height, at the right edge
    "ripple": 0.07,  # of the half size: three quarters of what would fold it
    "nod": 0.42,  # below 0.5, where the map would fold; turning likewise
    "turn_left": 0.42,
    "turn_right": 0.42,
    "flap": 0.9,
}
"""Largest amplitude at which each map is still one-to-one and looks like its name (tuned by eye)."""


@dataclass(frozen=True)
class Track:
    """One clip's motion: curves over its frames, each of shape (F,).

    shift_x, shift_y: window units. angle: radians, clockwise on screen. scale_x, scale_y: factors.
    pivot: the fixed point of angle and scale, in box units. bend, phase: the warp's size and phase.
    What is warped may be shifted as well, but neither turned nor scaled.
    """

    shift_x: Tensor
    shift_y: Tensor
    angle: Tensor
    scale_x: Tensor
    scale_y: Tensor
    bend: Tensor
    phase: Tensor
    pivot: tuple[float, float] = (0.0, 0.0)
    form: WarpForm = "none"

    def to(self, device: torch.device | str) -> "Track":
        """The same track with its curves on `device`."""
        return replace(
            self,
            shift_x=self.shift_x.to(device),
            shift_y=self.shift_y.to(device),
            angle=self.angle.to(device),
            scale_x=self.scale_x.to(device),
            scale_y=self.scale_y.to(device),
            bend=self.bend.to(device),
            phase=self.phase.to(device),
        )


def _track(
    time: Tensor,
    *,
    shift: tuple[Tensor | None, Tensor | None] = (None, None),
    angle: Tensor | None = None,
    scale: tuple[Tensor | None, Tensor | None] = (None, None),
    bend: Tensor | None = None,
    phase: Tensor | None = None,
    pivot: tuple[float, float] = (0.0, 0.0),
    form: WarpForm = "none",
) -> Track:
    zero, one = torch.zeros_like(time), torch.ones_like(time)

    def default(curve: Tensor | None, rest: Tensor) -> Tensor:
        return rest if curve is None else curve

    return Track(
        shift_x=default(shift[0], zero),
        shift_y=default(shift[1], zero),
        angle=default(angle, zero),
        scale_x=default(scale[0], one),
        scale_y=default(scale[1], one),
        bend=default(bend, zero),
        phase=default(phase, zero),
        pivot=pivot,
        form=form,
    )


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _cycles(time: Tensor, count: float) -> Tensor:
    return torch.sin(2.0 * math.pi * count * time)


def _pulses(time: Tensor, count: float) -> Tensor:
    """`count` smooth pulses 0 -> 1 -> 0 over the clip."""
    return 0.5 - 0.5 * torch.cos(2.0 * math.pi * count * time)


def _straight(motion: str, time: Tensor, amplitude: float) -> Track:
    dx, dy = DIRECTIONS[motion.split("_", 1)[1]]
    return _track(time, shift=(amplitude * dx * time, amplitude * dy * time))


def _drift(motion: str, time: Tensor, amplitude: float) -> Track:
    dx, _ = DIRECTIONS[motion.split("_", 1)[1]]
    bob = -0.08 * amplitude * _cycles(time, 2)
    return _track(time, shift=(amplitude * dx * time, bob))


def _bounce(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, shift=(None, -amplitude * _cycles(time, 1).abs()))


def _jump(_: str, time: Tensor, amplitude: float) -> Track:
    takeoff, landing = 0.2, 0.8
    flight = ((time - takeoff) / (landing - takeoff)).clamp(0.0, 1.0)
    ground = _pulses((time / takeoff).clamp(0, 1), 1)
    ground = ground + _pulses(((time - landing) / (1 - landing)).clamp(0, 1), 1)
    squash = 1.0 - 0.22 * math.tanh(amplitude / 0.08) * ground
    height = -amplitude * 4.0 * flight * (1.0 - flight)
    return _track(time, shift=(None, height), scale=(squash.rsqrt(), squash), pivot=(0.0, 1.0))


def _fall(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, shift=(None, amplitude * time.square()))


def _rise(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, shift=(None, -amplitude * time.pow(1.7)))


def _swing(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, angle=-amplitude * _cycles(time, 1), pivot=(0.0, -1.0))


def _shake(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, shift=(amplitude * _cycles(time, 4), None))


def _tremble(_: str, time: Tensor, amplitude: float) -> Track:
    jitter = (amplitude * _cycles(time, 6), 0.8 * amplitude * _cycles(time, 5))
    return _track(time, shift=jitter)


def _rotate(motion: str, time: Tensor, amplitude: float) -> Track:
    sign = -1.0 if motion == "rotate_counterclockwise" else 1.0
    return _track(time, angle=sign * amplitude * time)


def _scale(motion: str, time: Tensor, amplitude: float) -> Track:
    curves = {"grow": time, "shrink": -time, "breathe": _cycles(time, 2)}
    factor = torch.exp(amplitude * curves[motion])
    return _track(time, scale=(factor, factor))


def _rock(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, angle=amplitude * _cycles(time, 2), pivot=(0.0, 0.7))


def _sway(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, bend=amplitude * _cycles(time, 1), form="bend")


def _travelling(motion: str, time: Tensor, amplitude: float) -> Track:
    # The ramp lets a travelling wave start from the photo as it is.
    form: WarpForm = "flag" if motion == "wave" else "ripple"
    bend = amplitude * _smoothstep(time / 0.3)
    return _track(time, bend=bend, phase=4.0 * math.pi * time, form=form)


def _nod(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, bend=amplitude * _pulses(time, 2), form="nod")


def _turn(motion: str, time: Tensor, amplitude: float) -> Track:
    sign = -1.0 if motion == "turn_left" else 1.0
    return _track(time, bend=sign * amplitude * _smoothstep(time / 0.75), form="yaw")


def _flap(_: str, time: Tensor, amplitude: float) -> Track:
    return _track(time, bend=amplitude * _pulses(time, 3), form="flap")


def _still(_: str, time: Tensor, __: float) -> Track:
    return _track(time)


_TRACKS: dict[str, Callable[[str, Tensor, float], Track]] = {
    **{f"translate_{name}": _straight for name in DIRECTIONS},
    **{f"flow_{name}": _straight for name in ("left", "right", "up", "down")},
    "drift_left": _drift,
    "drift_right": _drift,
    "bounce": _bounce,
    "jump": _jump,
    "fall": _fall,
    "rise": _rise,
    "swing": _swing,
    "rock": _rock,
    "sway": _sway,
    "shake": _shake,
    "tremble": _tremble,
    "rotate_clockwise": _rotate,
    "rotate_counterclockwise": _rotate,
    "spin": _rotate,
    "wave": _travelling,
    "ripple": _travelling,
    "breathe": _scale,
    "grow": _scale,
    "shrink": _scale,
    "nod": _nod,
    "turn_left": _turn,
    "turn_right": _turn,
    "flap": _flap,
    "still": _still,
}


def motion_track(motion: str, amplitude: float, *, num_frames: int) -> Track:
    """The curves of one motion over `num_frames` frames; frame 0 is always the rest position.

    Args:
        motion: a name out of `motion_prompts.MOTIONS`.
        amplitude: at least 0; window units for shifts, else as `MAX_AMPLITUDE` says.
        num_frames: at least 2.

    Raises:
        SettingsError: an unknown motion or too few frames.
    """
    if motion not in _TRACKS:
        raise SettingsError(f"got motion {motion!r}; expected one of {', '.join(_TRACKS)}")
    if num_frames < 2:
        raise SettingsError(f"got {num_frames} frames; expected at least 2 to show a motion")
    time = torch.arange(num_frames, dtype=torch.float32) / (num_frames - 1)
    return _TRACKS[motion](motion, time, amplitude)


def compose(travel: Track, gesture: Track) -> Track:
    """Both at once: the gesture about its own pivot, which travels. Of the travel its shift counts."""
    return replace(
        gesture,
        shift_x=travel.shift_x + gesture.shift_x,
        shift_y=travel.shift_y + gesture.shift_y,
    )


def pose_matrices(track: Track, *, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """The pose as x -> A x + b in window units: A (F, 2, 2), b (F, 2).

    Args:
        track: the motion.
        centre: (2,) the box's centre (x, y) in window units.
        half: (2,) the box's half width and half height.
    """
    cosine, sine = torch.cos(track.angle), torch.sin(track.angle)
    rows = rearrange(torch.stack([cosine, -sine, sine, cosine]), "(i j) f -> f i j", i=2)
    matrix = rows * torch.stack([track.scale_x, track.scale_y], dim=-1)[:, None, :]
    pivot = centre + half * half.new_tensor(track.pivot)
    shift = torch.stack([track.shift_x, track.shift_y], dim=-1)
    return matrix, pivot + shift - matrix @ pivot


def moved_points(track: Track, points: Tensor, *, half: Tensor) -> Tensor:
    """Points of a box about the origin, moved: (N, 2) in box units -> (F, N, 2) in window units."""
    bend, phase = track.bend[:, None], track.phase[:, None]
    u, v = warp_forward(track.form, points[:, 0], points[:, 1], bend=bend, phase=phase)
    shape = (len(bend), len(points))
    at = torch.stack([u.expand(shape), v.expand(shape)], dim=-1) * half
    if track.form != "none":
        return at + torch.stack([track.shift_x, track.shift_y], dim=-1)[:, None, :]
    matrix, offset = pose_matrices(track, centre=torch.zeros_like(half), half=half)
    return at @ matrix.transpose(1, 2) + offset[:, None, :]


@dataclass(frozen=True)
class Particles:
    """Sample points of an object for the solver, at rest.

    points: (N, 2) box units. weights: (N,) how much of the object each stands for.
    fade: (N,) the share of the motion each point takes part in (1 for a rigid cut-out).
    """

    points: Tensor
    weights: Tensor
    fade: Tensor


def particle_strength(track: Track, particles: Particles, *, half: Tensor) -> float:
    """Mean motion of the particles, in pixels per frame at `REFERENCE_SIDE`."""
    rest = particles.points * half
    moved = (moved_points(track, particles.points, half=half) - rest) * particles.fade[:, None]
    step = moved[1:] - moved[:-1]
    speed = torch.hypot(step[..., 0], step[..., 1]).mean(dim=0)
    mean = (speed * particles.weights).sum() / particles.weights.sum().clamp(min=1e-6)
    return float(mean) * REFERENCE_SIDE


def solve_track(
    motion: str, strength: float, *, particles: Particles, half: Tensor, num_frames: int
) -> Track:
    """The track of one or two motions whose mean motion is `strength`; arguments as of `solve_amplitude`.

    Of two, each has the same strength by itself, as far as its largest amplitude lets it.
    """

    def single(part: str, part_strength: float) -> Track:
        amplitude = solve_amplitude(
            part, part_strength, particles=particles, half=half, num_frames=num_frames
        )
        return motion_track(part, amplitude, num_frames=num_frames)

    if JOIN not in motion:
        return single(motion, strength)
    travel, gesture = motion.split(JOIN)
    each = strength / math.sqrt(2)
    track = compose(single(travel, each), single(gesture, each))
    for _ in range(_SOLVER_STEPS - 2):
        each *= strength / max(particle_strength(track, particles, half=half), 1e-6)
        track = compose(single(travel, each), single(gesture, each))
    return track


def solve_amplitude(
    motion: str,
    strength: float,
    *,
    particles: Particles,
    half: Tensor,
    num_frames: int,
    limit: float | None = None,
) -> float:
    """The amplitude whose mean motion is `strength` (pixels per frame at 256).

    Fixed-point steps of proportional scaling: one is exact for linear motions, the others converge
    within a few. The result is held below the motion's `MAX_AMPLITUDE` and `limit`.
    """
    if strength <= 0.0 or motion == "still":
        return 0.0
    top = min(MAX_AMPLITUDE.get(motion, 1.0), 1.0e9 if limit is None else limit)
    amplitude = 0.5 * min(top, 0.2)
    for _ in range(_SOLVER_STEPS):
        track = motion_track(motion, amplitude, num_frames=num_frames)
        reached = particle_strength(track, particles, half=half)
        amplitude = min(top, amplitude * strength / max(reached, 1e-6))
    return amplitude
