"""The page for programs: what `gradio_client` calls, and what an MCP server offers to agents.

Two endpoints, /animate and /segment, on the same queue as the page's own clips. Whoever wants progress, several
regions or hold-still areas calls the REST API.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from follow_your_click.errors import FollowYourClickError
from follow_your_click.interfaces.app.studio import Studio
from follow_your_click.interfaces.jobs import ClipRequest
from follow_your_click.project import ProjectSettings
from follow_your_click.region import Click, Region, Selection
from follow_your_click.segmentation.resolve import save_mask


class Programs:
    """The two endpoints; what they say of themselves, argument by argument, is what agents read.

    Mistakes are raised as gr.Error, with one line.

    Args:
        studio: what does the work.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def animate(
        self,
        request: gr.Request,
        photo: str,
        x: float,
        y: float,
        motion_prompt: str,
        strength: float,
        num_frames: float,
        seed: float,
    ) -> str:
        """Animate one object of a photo: it moves as the motion prompt says, and everything else stays still.

        Args:
            photo: The photo.
            x: Where the object is: pixels from the photo's left edge.
            y: Where the object is: pixels from the photo's top edge.
            motion_prompt: How it moves, as a short phrase such as "drift left", "sway" or "turn the head".
            strength: How far it moves, in pixels per frame as if the photo's short side were 256 px; 0: as
                the prompt says.
            num_frames: Frames of the clip, 2 to 16.
            seed: The same seed gives the same clip.

        Returns:
            The clip, an mp4 file with its settings inside.
        """
        try:
            pixels = self._read(photo)
            region = Region(Click(x, y), prompt=motion_prompt, strength=strength or None)
            settings = ProjectSettings(
                **self._defaults(), num_frames=int(num_frames), seed=int(seed)
            )
            asked = ClipRequest(photo=pixels, regions=(region,), settings=settings)
            job = self.studio.service.queue.submit(asked, owner=request.session_hash or "programs")
            done = job.finished()
            if done.clip is None:
                raise gr.Error(done.error or "the clip was stopped")
            return str(self.studio.service.queue.store.file(done.clip, kind="mp4"))
        except FollowYourClickError as error:
            raise gr.Error(str(error)) from error

    def segment(self, photo: str, x: float, y: float) -> str:
        """Show what a click on a photo selects.

        Args:
            photo: The photo.
            x: Pixels from the photo's left edge.
            y: Pixels from the photo's top edge.

        Returns:
            The mask, a grey PNG of the photo's size: white is selected.
        """
        try:
            pixels = self._read(photo)
            segmenter = self._defaults()["segmenter"]
            (mask,) = self.studio.service.shelf.masks(
                pixels, [Selection(Click(x, y))], segmenter=segmenter
            )
        except FollowYourClickError as error:
            raise gr.Error(str(error)) from error
        with tempfile.NamedTemporaryFile(
            dir=self.studio.service.uploads, suffix=".png", delete=False
        ) as file:
            save_mask(mask, file.name)
        return file.name

    def _read(self, photo: str | None) -> Any:
        if photo is None:
            raise gr.Error("got no photo")
        return self.studio.service.read_photo(Path(photo))

    def _defaults(self) -> dict[str, Any]:
        models, segmenters = self.studio.service.shelf.offered()
        return {"model": models[0].name, "segmenter": segmenters[0].name}


def add_programs(studio: Studio) -> None:
    """Add both endpoints to the page that is being built; nothing of them is seen."""
    programs = Programs(studio)
    with gr.Row(visible=False):
        photo = gr.Image(type="filepath", image_mode=None, label="photo")
        x, y = gr.Number(label="x"), gr.Number(label="y")
        prompt = gr.Textbox(label="motion_prompt")
        strength = gr.Number(0, label="strength")
        num_frames = gr.Number(16, label="num_frames", precision=0)
        seed = gr.Number(0, label="seed", precision=0)
        clip, mask = gr.File(label="clip"), gr.File(label="mask")
        animate, segment = gr.Button(), gr.Button()
    animate.click(
        programs.animate,
        [photo, x, y, prompt, strength, num_frames, seed],
        clip,
        api_name="animate",
        concurrency_limit=8,
    )
    segment.click(programs.segment, [photo, x, y], mask, api_name="segment", concurrency_id="edits")
