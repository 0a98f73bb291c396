"""A client of the REST API that `fyc app` and `fyc serve` answer: `Animator` on another machine.

    client = Client("http://127.0.0.1:7861")
    clip = client.animate("boat.jpg", [Region(Click(412, 300), prompt="drift left")])

Axis legend: H W rows and columns of the photo.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image

from follow_your_click.clip import Clip, Playback
from follow_your_click.errors import (
    BusyError,
    ImageError,
    OutputError,
    ServerError,
    SettingsError,
)
from follow_your_click.region import HoldStill, Region, Selection
from follow_your_click.region.json_forms import mask_to_png

Photo = str | Path | Image.Image | npt.NDArray[np.uint8]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")
_FORMATS = {".mp4": "mp4", ".gif": "gif", ".webp": "webp", ".webm": "webm", ".zip": "zip"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class JobStatus:
    """How a clip stands; fields as in docs/api.md."""

    id: str
    version: int
    state: JobState
    position: int
    stage: str
    words: str
    share: float
    seconds_left: float | None
    preview: str | None
    error: str | None
    warnings: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.state in ENDED

    @classmethod
    def of(cls, data: dict[str, Any]) -> JobStatus:
        """From the server's JSON; fields of a newer server are left out."""
        known: dict[str, Any] = {name: data.get(name) for name in cls.__dataclass_fields__}
        known["warnings"] = tuple(data.get("warnings") or ())
        return cls(**known)


class Client:
    """A server of clips.

    Args:
        url: of the server, such as "http://127.0.0.1:7861".
        auth: user and password, if the server asks for them.
        timeout: seconds without an answer after which a call gives up; making a clip may take longer.
    """

    def __init__(
        self, url: str, *, auth: tuple[str, str] | None = None, timeout: float = 60.0
    ) -> None:
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/v1/", auth=auth, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def animate(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        hold_still: Sequence[HoldStill] = (),
        model: str | None = None,
        segmenter: str | None = None,
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        on_progress: Callable[[JobStatus], None] | None = None,
    ) -> Clip:
        """Have a clip made and wait for it; arguments as of `Animator.animate`, frames exactly as the server made them.

        An exception that `on_progress` raises, and Ctrl+C, stop the work on the server.

        Raises:
            UserInputError: a photo, region or setting that cannot be used.
            BusyError: the server's line is full; `retry_after` says for how long.
            ServerError: there is no server, or it failed.
        """
        job = self.submit(
            image,
            regions,
            hold_still=hold_still,
            model=model,
            segmenter=segmenter,
            num_frames=num_frames,
            fps=fps,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            seed=seed,
        )
        try:
            job.wait(on_progress=on_progress)
        except BaseException:
            job.cancel()
            raise
        return job.clip()

    def submit(
        self,
        image: Photo,
        regions: Sequence[Region],
        *,
        hold_still: Sequence[HoldStill] = (),
        model: str | None = None,
        segmenter: str | None = None,
        num_frames: int = 16,
        fps: float = 8.0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> RemoteJob:
        """Ask for a clip and come back at once; arguments and errors as of `animate`."""
        asked = {
            "regions": [_form(region) for region in regions],
            "hold_still": [_form(held) for held in hold_still],
            "settings": {
                "model": model,
                "segmenter": segmenter,
                "num_frames": num_frames,
                "fps": fps,
                "num_inference_steps": num_inference_steps,
                "guidance_scale": guidance_scale,
                "seed": seed,
            },
        }
        answer = self.call(
            "POST", "clips", files={"photo": _content(image)}, data={"request": json.dumps(asked)}
        )
        return RemoteJob(self, answer.json()["id"])

    def mask(
        self, image: Photo, selection: Selection, *, segmenter: str | None = None
    ) -> npt.NDArray[np.float32]:
        """What a selection selects: (H, W), 0 ... 1.

        Raises:
            RegionError, ImageError: as of `Animator.masks`.
            ServerError: there is no server, or it failed.
        """
        form = _form(selection)
        own = {name: form[name] for name in ("areas", "edits", "granularity")}
        fields = {"selection": json.dumps(own)}
        if segmenter is not None:
            fields["segmenter"] = segmenter
        answer = self.call("POST", "masks", files={"photo": _content(image)}, data=fields)
        levels = np.asarray(Image.open(io.BytesIO(answer.content), formats=["PNG"]), np.float32)
        return levels / np.float32(255)

    def models(self) -> dict[str, str]:
        """Models that can be named, the default first, and what each needs."""
        return {each["name"]: each["needs"] for each in self.call("GET", "models").json()}

    def segmenters(self) -> dict[str, str]:
        """Segmenters that can be named, the default first, and what each needs."""
        return {each["name"]: each["needs"] for each in self.call("GET", "segmenters").json()}

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One call; a refusal becomes the error that it would have been in this process."""
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        _check(answer)
        return answer

    def stream(self, path: str) -> Iterator[bytes]:
        """The content of a file, in pieces."""
        try:
            with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                _check(answer)
                yield from answer.iter_bytes(_CHUNK)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def lines(self, path: str) -> Iterator[str]:
        """The lines of an event stream."""
        waiting = httpx.Timeout(self._http.timeout.connect, read=None)
        try:
            with self._http.stream("GET", path, timeout=waiting) as answer:
                if answer.is_error:
                    answer.read()
                _check(answer)
                yield from answer.iter_lines()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> ServerError:
        said = " ".join(str(error).split()) or type(error).__name__
        return ServerError(f"no answer from {self._http.base_url}: {said}; is the server running?")


class RemoteJob:
    """A clip in the making on a server.

    Args:
        client: of that server.
        id: of the clip; whoever knows it can see the clip.
    """

    def __init__(self, client: Client, id: str) -> None:
        self.client = client
        self.id = id

    def status(self) -> JobStatus:
        """How it stands."""
        return JobStatus.of(self.client.call("GET", f"clips/{self.id}").json())

    def events(self) -> Iterator[JobStatus]:
        """Every change, until the end."""
        for line in self.client.lines(f"clips/{self.id}/events"):
            if line.startswith("data:"):
                yield JobStatus.of(json.loads(line.removeprefix("data:")))

    def wait(self, *, on_progress: Callable[[JobStatus], None] | None = None) -> JobStatus:
        """Waits until the clip is done.

        Raises:
            ServerError: it failed, with the server's own line, or was stopped.
        """
        for status in self.events():
            if on_progress is not None:
                on_progress(status)
            if status.state == "failed":
                raise ServerError(status.error or "the clip failed")
            if status.state == "cancelled":
                raise ServerError("the clip was stopped")
            if status.ended:
                return status
        raise ServerError("the server ended the stream before the clip was done")

    def cancel(self) -> None:
        """Stop it; a clip that has ended is forgotten by the server."""
        try:
            self.client.call("DELETE", f"clips/{self.id}")
        except ServerError:
            return  # gone, or the server is: nothing runs there any more

    def save(self, path: str | Path, *, playback: Playback = "loop") -> Path:
        """Fetch the clip's file, of the kind that the suffix says; it appears when it is whole.

        Raises:
            OutputError: an unknown suffix, or it cannot be written there.
            ServerError: the server does not have the clip (any more).
        """
        from follow_your_click.atomic import whole_file

        target = Path(path)
        if target.suffix.lower() not in _FORMATS:
            raise OutputError(f"{path} ends in {target.suffix!r}; use one of {', '.join(_FORMATS)}")
        with whole_file(target, "clip") as temporary, temporary.open("wb") as file:
            for piece in self._pieces(_FORMATS[target.suffix.lower()], playback):
                file.write(piece)
        return target

    def clip(self) -> Clip:
        """The clip with its frames as the server made them."""
        with tempfile.TemporaryDirectory() as folder:
            return Clip.load(self.save(Path(folder) / "clip.zip"))

    def _pieces(self, kind: str, playback: Playback) -> Iterator[bytes]:
        return self.client.stream(f"clips/{self.id}/file?format={kind}&playback={playback}")


def _content(image: Photo) -> tuple[str, bytes]:
    """What is sent of a photo: a file as it is, anything else as a PNG. Never its name."""
    if isinstance(image, str | Path):
        try:
            return "photo", Path(image).expanduser().read_bytes()
        except OSError as error:
            raise ImageError(f"{image} cannot be read: {error.strerror or error}") from error
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    packed = io.BytesIO()
    picture.save(packed, "PNG", compress_level=1)
    return "photo", packed.getvalue()


def _form(selection: Selection) -> dict[str, Any]:
    """A selection as the server takes it: a mask as its pixels, never as a file's name."""
    form = selection.without_mask().to_json(masks="png")
    if selection.mask is not None:
        return {**form, "areas": [_mask_area(selection.mask)], "edits": [], "granularity": None}
    return {**form, "areas": [_without_file(area) for area in form["areas"]]}


def _without_file(area: dict[str, Any]) -> dict[str, Any]:
    if "area" in area:
        return {**area, "area": _without_file(area["area"])}
    if "file" not in area:
        return area
    from follow_your_click.segmentation.mask_files import load_mask

    return _mask_area(load_mask(area["file"]))


def _mask_area(mask: npt.NDArray[Any]) -> dict[str, Any]:
    dtype = "bool" if mask.dtype == np.bool_ else "uint8" if mask.dtype == np.uint8 else "float32"
    return {"type": "mask", "dtype": dtype, "png": mask_to_png(mask)}


def _check(answer: httpx.Response) -> None:
    """Raises for a refusal."""
    if not answer.is_error:
        return
    try:
        said = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        said = f"the server answered {answer.status_code} {answer.reason_phrase}".rstrip()
    if answer.status_code in (429, 503):
        wait = answer.headers.get("Retry-After", "5")
        raise BusyError(
            said,
            retry_after=int(wait) if wait.isdigit() else 5,
            owner=answer.status_code == 429,
        )
    if answer.status_code in (413, 422):
        raise SettingsError(said)
    raise ServerError(said)
