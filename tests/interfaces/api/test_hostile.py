"""Uploads and requests that mean no good: refused in one line, or harmless; nothing is left behind."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from follow_your_click.errors import SettingsError
from follow_your_click.interfaces.api.guards import Credentials, Guard
from follow_your_click.interfaces.api.server import api_app
from follow_your_click.interfaces.api.service import Service
from follow_your_click.region.json_forms import mask_to_png

from .conftest import ADDRESS, REGION, SIZE, PhotoWorker, asked, png

ROOT = Path(__file__).parents[3]


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _png_bomb(side: int) -> bytes:
    """A few kilobytes that unpack to side * side pixels."""
    rows = zlib.compress(b"\0" * (side // 8 + 1) * 64)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows)


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame_0000.png", b"\0" * 10_000_000)
    return packed.getvalue()


def _gif_of_many_frames() -> bytes:
    packed = io.BytesIO()
    frames = [Image.new("L", SIZE, level % 255) for level in range(600)]
    frames[0].save(packed, "GIF", save_all=True, append_images=frames[1:])
    return packed.getvalue()


def _jpeg() -> bytes:
    packed = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE[::-1], 3), np.uint8)
    Image.fromarray(noise).save(packed, "JPEG")
    return packed.getvalue()


UPLOADS = {
    "png bomb": (_png_bomb(30_000), 422),
    "larger png bomb": (_png_bomb(100_000), 422),
    "100 megapixels": (_png_bomb(10_000), 413),
    "truncated jpeg": (_jpeg()[:700], 422),
    "text": (b"hello", 422),
    "nothing": (b"", 422),
    "svg with a script": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", 422),
    "html": (b"<html><script>alert(1)</script>", 422),
    "zip": (_zip(), 422),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", 422),
    "one pixel": (png(size=(1, 1)), 422),
    "a line": (png(size=(20_000, 3)), 422),
}


@pytest.mark.parametrize("name", UPLOADS)
@pytest.mark.parametrize("route", ["clips", "masks"])
def test_bad_uploads_are_refused(
    api: TestClient, worker: PhotoWorker, tmp_path: Path, name: str, route: str
) -> None:
    content, status = UPLOADS[name]
    data = {**asked(), "selection": json.dumps({"areas": REGION["areas"]})}
    answer = api.post(f"/v1/{route}", files={"photo": ("photo.png", content)}, data=data)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert "\n" not in error and str(tmp_path) not in error and "/tmp" not in error
    assert not worker.requests
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_only_the_first_of_many_frames_is_read(api: TestClient, worker: PhotoWorker) -> None:
    answer = api.post("/v1/clips", files={"photo": _gif_of_many_frames()}, data=asked())
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a\0b.png", "x" * 5000, "<script>.png", "CON", "..\\..\\a"],
)
def test_names_of_uploads_mean_nothing(
    api: TestClient, worker: PhotoWorker, tmp_path: Path, name: str
) -> None:
    before = set(ROOT.iterdir())
    answer = api.post("/v1/clips", files={"photo": (name, png())}, data=asked())
    assert answer.status_code in (202, 400, 422)
    assert "script" not in answer.text
    assert set(ROOT.iterdir()) == before


def test_too_many_bytes_are_refused_before_they_are_read(
    api: TestClient, worker: PhotoWorker
) -> None:
    answer = api.post("/v1/clips", files={"photo": b"\0" * 3_000_000}, data=asked())
    assert answer.status_code == 413
    assert not worker.requests


def test_bytes_that_are_not_announced_are_counted(api: TestClient) -> None:
    def pieces():
        yield b"--x\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n"
        for _ in range(40):
            yield b"\0" * 100_000

    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = api.post("/v1/clips", content=pieces(), headers=kind)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        '{"regions": [{"areas": [{"type": "click", "x": NaN, "y": 1}], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "click", "x": Infinity, "y": 1}], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "click", "x": 1e400, "y": 1}], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "mask", "file": "/etc/passwd"}], "prompt": "a"}]}',
        '{"regions": [{"areas": ["/etc/passwd"], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "mask", "png": "aGVsbG8="}], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "brush", "points": [[1, 1]], "radius": -5}], "prompt": "a"}]}',
        '{"regions": [{"areas": [{"type": "box", "x0": 9, "y0": 9, "x1": 3, "y1": 3}], "prompt": "a"}]}',
    ],
)
def test_bad_requests_are_refused(api: TestClient, worker: PhotoWorker, request_text: str) -> None:
    answer = api.post("/v1/clips", files={"photo": png()}, data={"request": request_text})
    assert answer.status_code == 422, answer.text
    assert "\n" not in answer.json()["error"]
    assert "passwd" not in answer.text
    assert not worker.requests


def test_a_mask_of_another_size_is_not_unpacked(api: TestClient, worker: PhotoWorker) -> None:
    import base64

    bomb = base64.b64encode(_png_bomb(13_000)).decode()
    region = {**REGION, "areas": [{"type": "mask", "png": bomb}]}
    answer = api.post("/v1/clips", files={"photo": png()}, data=asked(regions=[region]))
    assert answer.status_code == 422
    assert "a mask is 13000x13000 pixels but the photo is 96x72" in answer.json()["error"]


def test_masks_are_counted(api: TestClient) -> None:
    area = {"type": "mask", "png": mask_to_png(np.ones(SIZE[::-1], np.bool_))}
    region = {**REGION, "areas": [area] * 17}
    answer = api.post("/v1/clips", files={"photo": png()}, data=asked(regions=[region]))
    assert answer.json()["error"] == "got 17 masks, expected at most 16"


def test_scripts_in_prompts_stay_text(api: TestClient, worker: PhotoWorker) -> None:
    prompt = "<script>alert(1)</script> \u202e drop table"
    data = asked(regions=[{**REGION, "prompt": prompt}])
    assert api.post("/v1/clips", files={"photo": png()}, data=data).status_code == 202


def test_other_sites_and_other_names_are_refused(api: TestClient, worker: PhotoWorker) -> None:
    files, data = {"photo": png()}, asked()
    rebound = api.get("/v1/health", headers={"host": "evil.example"})
    assert rebound.status_code == 403 and "host name" in rebound.json()["error"]
    foreign = api.post(
        "/v1/clips", files=files, data=data, headers={"origin": "http://evil.example"}
    )
    assert foreign.status_code == 403 and "other sites" in foreign.json()["error"]
    for origin in ("null", "http://127.0.0.1:1", "http://127.0.0.1:7861.evil.example"):
        answer = api.delete("/v1/clips/x", headers={"origin": origin})
        assert answer.status_code == 403
    assert not worker.requests
    own = api.post("/v1/clips", files=files, data=data, headers={"origin": ADDRESS})
    assert own.status_code == 202


def test_credentials_are_asked_of_everybody(make_service: Callable[..., Service]) -> None:
    guarded = Guard(api_app(make_service()), credentials=Credentials("me", "pass:word"))
    with TestClient(guarded) as client:
        for path in ("/v1/health", "/openapi.json", "/v1/clips/x/events", "/nowhere"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        for wrong in (("me", "word"), ("you", "pass:word"), ("", ""), ("me", "")):
            assert client.get("/v1/health", auth=wrong).status_code == 401
        for header in ("Basic", "Basic %%%", "Bearer bWU6cGFzczp3b3Jk", "Basic " + "A" * 10_000):
            assert client.get("/v1/health", headers={"authorization": header}).status_code == 401
        assert client.get("/v1/health", auth=("me", "pass:word")).status_code == 200


@pytest.mark.parametrize("text", ["", "me", "me:", ":word", ":"])
def test_credentials_need_both_parts(text: str) -> None:
    with pytest.raises(SettingsError, match="expected USER:PASSWORD"):
        Credentials.parse(text)


def test_unknown_clips_are_unknown(api: TestClient) -> None:
    for job in ("x", "..%2f..%2fetc", "%00", "a" * 3000):
        assert api.get(f"/v1/clips/{job}").status_code == 404
    assert api.get("/v1/clips/x/file", params={"format": "../../x"}).status_code == 404
