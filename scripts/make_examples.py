"""Make the example photos from the pictures that come with scikit-image; no network.

Run from anywhere: python scripts/make_examples.py. The result is the same files, so a second run changes
nothing. Sources and licences: examples/CREDITS.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data

EXAMPLES = Path(__file__).parent.parent / "examples"
JPEG_QUALITY = 92
# File name -> the function of skimage.data whose picture it is. All four are installed with the package (no download)
# and are CC0 or in the public domain.
PHOTOS: dict[str, Callable[[], npt.NDArray[np.uint8]]] = {
    "astronaut": data.astronaut,
    "cat": data.chelsea,
    "coffee": data.coffee,
    "rocket": data.rocket,
}


def even_sized(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Drop the last row or column of an odd size: H.264 with 4:2:0 colour takes even sizes only.

    Args:
        photo: uint8 RGB, shape (H, W, 3).
    """
    height, width = photo.shape[:2]
    return photo[: height - height % 2, : width - width % 2]


def main() -> None:
    """Write every photo at its own resolution: enlarging would only invent pixels."""
    for name, load in PHOTOS.items():
        path = EXAMPLES / f"{name}.jpg"
        image = Image.fromarray(even_sized(load()))
        # 4:4:4 keeps the colour edges that region masks follow.
        image.save(path, quality=JPEG_QUALITY, subsampling=0, optimize=True)
        print(f"{path.name}: {image.width} x {image.height}")


if __name__ == "__main__":
    main()
