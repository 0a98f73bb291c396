"""The routes of the REST API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    File,
    Form,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Json
from starlette.exceptions import HTTPException as AnyHTTPException

from follow_your_click.about import package_version
from follow_your_click.clip import Playback
from follow_your_click.errors import BusyError, FollowYourClickError, OutputError
from follow_your_click.interfaces.api.guards import USER_KEY
from follow_your_click.interfaces.api.schemas import (
    PROBLEMS,
    ClipForm,
    Health,
    JobView,
    OfferView,
    SelectionForm,
    check_masks_fit,
)
from follow_your_click.interfaces.api.service import Service, TooLargeError
from follow_your_click.interfaces.jobs import ClipFormat, ClipRequest, Job
from follow_your_click.segmentation.mask_files import png_of

MEDIA_TYPES: dict[ClipFormat, str] = {
    "mp4": "video/mp4",
    "gif": "image/gif",
    "webp": "image/webp",
    "webm": "video/webm",
    "zip": "application/zip",
}
POLL_SECONDS = 0.2
"""Between two looks at a job for an event stream: no stream holds a thread while it waits."""

Photo = Annotated[UploadFile, File(description="the photo: JPEG, PNG, WebP, TIFF or the like")]


def _known(job_id: str, request: Request) -> Job:
    """The job of an address; asked for before anything is answered."""
    job: Job | None = request.app.state.service.queue.get(job_id)
    if job is None:
        raise HTTPException(404, "there is no such clip (any more)")
    return job


Known = Annotated[Job, Depends(_known)]


def add_api(app: FastAPI, service: Service) -> None:
    """Add the API's routes and its way to say no to an application."""
    app.state.service = service
    app.include_router(_router(service))
    app.add_exception_handler(FollowYourClickError, _say_no)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    app.add_exception_handler(AnyHTTPException, _say_status)


def _router(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=PROBLEMS, tags=["clips"])
    models, segmenters = service.shelf.offered()

    @router.post("/clips", status_code=202, summary="Ask for a clip")
    def ask(
        request: Request,
        response: Response,
        photo: Photo,
        form: Annotated[Json[ClipForm], Form(alias="request", description="what moves, and how")],
    ) -> JobView:
        """Takes a photo and regions, and answers at once with a job; its address is in `Location`."""
        pixels = service.read_upload(photo.file)
        selections = [*form.regions, *form.hold_still]
        check_masks_fit(selections, height=pixels.shape[0], width=pixels.shape[1])
        asked = ClipRequest(
            photo=pixels,
            regions=tuple(region.region() for region in form.regions),
            hold_still=tuple(still.hold_still() for still in form.hold_still),
            settings=form.settings.settings(model=models[0].name, segmenter=segmenters[0].name),
        )
        service.shelf.check(asked.settings)
        job = service.queue.submit(asked, owner=_owner(request))
        response.headers["Location"] = f"/v1/clips/{job.id}"
        return JobView.of(job, job.snapshot())

    @router.get("/clips/{job_id}", summary="How a clip stands")
    def look(job: Known) -> JobView:
        """The job's state, progress and preview. Whoever knows the id may ask."""
        return JobView.of(job, job.snapshot())

    @router.get(
        "/clips/{job_id}/events",
        response_class=EventSourceResponse,
        summary="A clip's progress as server-sent events",
    )
    async def events(job: Known) -> AsyncIterator[ServerSentEvent]:
        """One event for every change, each a job as JSON; the stream ends with the job."""
        async for view in _changes(job):
            yield ServerSentEvent(data=view, id=str(view.version))

    @router.get("/clips/{job_id}/file", response_class=FileResponse, summary="The clip's file")
    def file(job: Known, format: ClipFormat = "mp4", playback: Playback = "loop") -> FileResponse:
        """The finished clip, with its settings inside; `webm` is the moving region alone on a transparent ground."""
        key = job.snapshot().clip
        if key is None:
            raise HTTPException(404, "this clip is not finished")
        try:
            path = service.queue.store.file(key, kind=format, playback=playback)
        except OutputError as error:
            raise HTTPException(404 if "not kept" in str(error) else 422, str(error)) from error
        # Without a name of the server's own, so that a page can give the file its own.
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return FileResponse(path, media_type=MEDIA_TYPES[format], headers=kept)

    @router.delete("/clips/{job_id}", status_code=204, summary="Stop a clip, or forget it")
    def stop(job: Known) -> Response:
        """Stops a clip that waits or is being made; removes one that is finished."""
        if job.snapshot().ended:
            service.queue.forget(job)
        else:
            service.queue.cancel(job)
        return Response(status_code=204)

    @router.post("/masks", response_class=Response, summary="What a selection selects")
    def mask(
        photo: Photo,
        form: Annotated[Json[SelectionForm], Form(alias="selection")],
        segmenter: Annotated[str | None, Form()] = None,
    ) -> Response:
        """The mask as a grey PNG of the photo's size: white is selected."""
        pixels = service.read_upload(photo.file)
        check_masks_fit([form], height=pixels.shape[0], width=pixels.shape[1])
        name = segmenter or segmenters[0].name
        (found,) = service.shelf.masks(pixels, [form.selection()], segmenter=name)
        return Response(png_of(found), media_type="image/png")

    @router.get("/models", summary="Models that can be named")
    def offered_models() -> list[OfferView]:
        return [OfferView(name=offer.name, needs=offer.needs) for offer in models]

    @router.get("/segmenters", summary="Segmenters that can be named")
    def offered_segmenters() -> list[OfferView]:
        return [OfferView(name=offer.name, needs=offer.needs) for offer in segmenters]

    @router.get("/health", summary="Whether the server takes clips")
    def health() -> Health:
        return Health(
            version=package_version() or "source",
            workers=service.queue.num_workers,
            waiting=service.queue.num_waiting,
            max_waiting=service.queue.max_waiting,
        )

    return router


async def _changes(job: Job) -> AsyncIterator[JobView]:
    """Every change of a job that is seen in time; a preview only when it is a new one."""
    version, preview = -1, None
    while True:
        snapshot = job.snapshot()
        if snapshot.version > version:
            version = snapshot.version
            yield JobView.of(job, snapshot, preview=snapshot.preview is not preview)
            preview = snapshot.preview
        if snapshot.ended:
            return
        await asyncio.sleep(POLL_SECONDS)


def _owner(request: Request) -> str:
    """Whose share of the line a clip is of: the user's, or the address's."""
    user = request.scope.get(USER_KEY)
    address = request.client.host if request.client is not None else ""
    return f"{user or ''}@{address}"


def _say_no(request: Request, error: Exception) -> Response:
    """A refusal of ours as a status and one line."""
    headers: dict[str, str] = {}
    status = 422
    if isinstance(error, BusyError):
        status = 429 if error.owner else 503
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, TooLargeError):
        status = 413
    elif isinstance(error, OutputError):
        status = 507
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)


def _say_invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong with what was sent; never the sent value itself."""
    assert isinstance(error, RequestValidationError)
    wrong: dict[str, Any] = dict(error.errors()[0])
    place = ".".join(str(part) for part in wrong["loc"] if part != "body")
    return JSONResponse({"error": f"{place}: {wrong['msg']}"}, status_code=422)


def _say_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return JSONResponse(
        {"error": str(error.detail)}, status_code=error.status_code, headers=error.headers
    )
