"""Bends and waves of an object, as maps of its box onto itself with known inverses.

Box units: (u, v) in [-1, 1] inside the object's box, (0, 0) its centre, v = 1 its bottom.
`bend` is the size of the warp at one instant (0 is rest), `phase` that of a travelling wave.
"""

import math
from typing import Literal

import torch
from torch import Tensor

WarpForm = Literal["none", "bend", "flag", "ripple", "nod", "yaw", "flap"]

_RIPPLE_INVERSE_STEPS = 10


def warp_forward(
    form: WarpForm, u: Tensor, v: Tensor, *, bend: Tensor, phase: Tensor
) -> tuple[Tensor, Tensor]:
    """Where the point at rest (u, v) is drawn; box units, all tensors broadcast together."""
    if form == "bend":
        return u + bend * _bend_profile(v), v
    if form == "flag":
        return u, v + _flag(u, bend, phase)
    if form == "nod":
        return u, _turned(v, u, bend)
    if form == "yaw":
        return _turned(u, v, bend), v
    if form == "flap":
        return u * (1.0 - 0.5 * bend), v - 0.7 * bend * u.abs()
    if form == "ripple":
        radius = torch.sqrt(u * u + v * v + 1e-8)
        factor = 1.0 + _ripple(radius, bend, phase) / radius
        return u * factor, v * factor
    return u, v


def warp_inverse(
    form: WarpForm, u: Tensor, v: Tensor, *, bend: Tensor, phase: Tensor
) -> tuple[Tensor, Tensor]:
    """The inverse of `warp_forward`: which point at rest is drawn at (u, v)."""
    if form == "bend":
        return u - bend * _bend_profile(v), v
    if form == "flag":
        return u, v - _flag(u, bend, phase)
    if form == "nod":
        return u, _turned_back(v, u, bend)
    if form == "yaw":
        return _turned_back(u, v, bend), v
    if form == "flap":
        rest = u / (1.0 - 0.5 * bend)
        return rest, v + 0.7 * bend * rest.abs()
    if form == "ripple":
        radius = torch.sqrt(u * u + v * v + 1e-8)
        rest = radius
        for _ in range(_RIPPLE_INVERSE_STEPS):
            rest = radius - _ripple(rest, bend, phase)
        return u * (rest / radius), v * (rest / radius)
    return u, v


def _bend_profile(v: Tensor) -> Tensor:
    return ((1.0 - v).clamp(min=0.0) / 2.0).square()


def _flag(u: Tensor, bend: Tensor, phase: Tensor) -> Tensor:
    along = (u + 1.0).clamp(0.0, 2.0)
    return bend * (0.5 * along) * torch.sin(1.5 * math.pi * along - phase)


def _ripple(radius: Tensor, bend: Tensor, phase: Tensor) -> Tensor:
    return bend * (radius / 0.3).clamp(max=1.0) * torch.sin(3.0 * math.pi * radius - phase)


def _turned(w: Tensor, other: Tensor, bend: Tensor) -> Tensor:
    """Along one axis, what faces the viewer goes aside and the round outline stays, as on a ball that turns."""
    room = (1.0 - other * other).clamp(min=0.0)
    return w + bend * (room - w * w).clamp(min=0.0)


def _turned_back(w: Tensor, other: Tensor, bend: Tensor) -> Tensor:
    room = (1.0 - other * other).clamp(min=0.0)
    shifted = w - bend * room
    root = torch.sqrt((1.0 - 4.0 * bend * shifted).clamp(min=0.0))
    # Outside the outline the forward map is the identity, and so is its inverse.
    return torch.where(w * w > room, w, 2.0 * shifted / (1.0 + root))
