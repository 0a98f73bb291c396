"""Seams: where a mask ends amid an object, as at the neck of a head or before a leg that a click missed.

There both sides of the rim look alike. Were the motion to end at once, the object would tear; a motion in place rather fades
towards a seam, as that of a head does at the neck.

Axes: g rows and columns of cells of the working grid.
"""

import cv2
import numpy as np
import numpy.typing as npt

from follow_your_click.rendering.grid import Float32Array, blur, smoothstep

# Distance of the two sides' colours in 8-bit Lab levels below which the object surely goes on, and from which it surely ends. On
# outlined parts of training photos half of what joins them to the rest lies below 18, three quarters of the rest above 30.
ALIKE = (8.0, 20.0)
NEAR = 1.5  # cells: width of what is compared on either side
ALONG = 0.03  # of the square root of the mask's area: how far along the rim neighbours are heard
REACH = 0.2  # likewise: from a seam to where the object moves as if there were none
# Lengths of the longest motion that it fades over at least: the steepest of `smoothstep` is 1.5, and from 1 on the picture folds.
UNFOLDED = 2.0
# Share of the rim that is alike on both sides, from which it is held to be an object before its like, and no seam at all.
CAMOUFLAGED = (0.5, 0.8)
LEVELS = (0.15, 0.4, 0.65, 0.9)


def seam_taper(
    photo: Float32Array, mask: Float32Array, inside: Float32Array, *, longest: float
) -> Float32Array:
    """Factor on the motion, 0 at a seam to 1 away from all: float32 (g, g).

    Args:
        photo: float32 (g, g, 3), 0 ... 255.
        mask: float32 (g, g), 0 ... 1.
        inside: float32 (g, g), 1 in the photo. At its border there is no seam.
        longest: how far anything moves, in cells.
    """
    everywhere = np.ones_like(mask)
    selected = mask > 0.5
    seam = _seams(photo, selected, inside)
    if seam is None:
        return everywhere
    reach = max(6.0, REACH * float(np.sqrt(selected.sum())), UNFOLDED * longest)
    taper = everywhere
    for level in LEVELS:
        at = seam >= level
        if at.any():
            away = cv2.distanceTransform((~at).astype(np.uint8), cv2.DIST_L2, 5)
            held = 1 - smoothstep(np.asarray(away, np.float32), 0, reach)
            taper = np.minimum(taper, 1 - min(1.0, level + 0.1) * held)
    return blur(taper, 1.5)


def _seams(
    photo: Float32Array, selected: npt.NDArray[np.bool_], inside: Float32Array
) -> Float32Array | None:
    """How surely each cell of the rim is a seam, 0 ... 1, 0 elsewhere: (g, g); None without any."""
    around = np.ones((3, 3), np.uint8)
    core = cv2.erode(selected.astype(np.uint8), around) > 0
    beyond = cv2.dilate(selected.astype(np.uint8), around) == 0
    well_inside = cv2.erode((inside > 0.5).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    rim = (selected & ~core & well_inside).astype(np.float32)
    if not (rim.any() and core.any()):
        return None
    rounded = np.asarray(np.clip(photo, 0, 255), np.uint8)
    lab = np.asarray(cv2.cvtColor(rounded, cv2.COLOR_RGB2Lab), np.float32)
    apart = _mean(lab, core * inside, NEAR) - _mean(lab, beyond * inside, NEAR)
    contrast = np.log1p(np.sqrt(np.square(apart).sum(axis=2)))
    along = max(2.0, ALONG * float(np.sqrt(selected.sum())))
    contrast = np.expm1(_mean(contrast[..., None], rim, along)[..., 0])
    seam = (1 - smoothstep(contrast, *ALIKE)) * rim
    share = np.asarray(seam.sum() / rim.sum(), np.float32)
    seam = seam * (1 - smoothstep(share, *CAMOUFLAGED))
    return seam if bool((seam >= LEVELS[0]).any()) else None


def _mean(values: Float32Array, weight: Float32Array, sigma: float) -> Float32Array:
    """Gaussian weighted mean around every cell: (g, g, C)."""
    total = blur(values * weight[..., None], sigma).reshape(values.shape)
    return np.asarray(total / np.maximum(blur(weight, sigma), 1e-6)[..., None], np.float32)
