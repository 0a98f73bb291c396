"""`fyc data caption` as a person sees it: what is on stdout, and the file that is there afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from follow_your_click.data.captions.schema import MotionCaption
from follow_your_click.errors import ModelError, OutputError, SettingsError
from follow_your_click.interfaces.captions_cli import caption_command

CAPTIONS = ["The boat drifts left", "A quiet street", "Two dogs run"]


def run(*words: object) -> str:
    """stdout; what goes wrong is raised, for `fyc` to tell."""
    app = typer.Typer()
    app.command()(caption_command)
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "captions.txt"
    path.write_text("\n".join(CAPTIONS), encoding="utf-8")
    return path


class Stills(BaseHTTPRequestHandler):
    """Says of every caption that it is still; of a model "none" that there is no such model."""

    requests = 0

    def do_POST(self) -> None:
        type(self).requests += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = json.loads(body["messages"][-1]["content"])["captions"]
        still = {"objects": [], "motion_prompts": [], "still": True}
        text = json.dumps({"captions": [{"index": entry["index"], **still} for entry in asked]})
        answer = {
            "choices": [{"message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 500_000},
        }
        known = body["model"] != "none"
        content = json.dumps(answer if known else {"error": {"message": "no such model"}}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Stills.requests = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stills)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def records(path: Path) -> list[MotionCaption]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [MotionCaption.model_validate_json(line) for line in lines]


def test_the_rules_need_no_server(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run(source, out) == f"{out}\n"
    found = records(out)
    assert [record.original for record in found] == CAPTIONS
    assert [record.motion_prompts for record in found] == [["drift left"], [], ["run"]]


def test_a_line_of_json_counts_records_and_tokens(
    source: Path, tmp_path: Path, server: str
) -> None:
    out = tmp_path / "out.jsonl"
    words = ("--llm", "--model", "tiny", "--base-url", server, "--json", "--overwrite")
    prices = ("--prompt-price", 2, "--completion-price", 8)
    result = json.loads(run(source, out, *words, *prices))
    assert result["counts"] == {"moving": 0, "still": 3, "failed": 0}
    assert result["spent"]["requests"] == 1 and result["spent"]["cost"] == 2 + 4
    assert {record.source for record in records(out)} == {"llm:tiny"}
    again = json.loads(run(source, out, *words))
    assert again["spent"]["cached"] == 3 and again["spent"]["requests"] == 0
    assert Stills.requests == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("captions.txt", "out.jsonl", "out.jsonl.cache")
    ]


def test_what_cannot_be_done_leaves_no_file(source: Path, tmp_path: Path, server: str) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(ModelError, match="the server answered 404: no such model"):
        run(source, out, "--llm", "--model", "none", "--base-url", server)
    with pytest.raises(SettingsError, match="expected --llm with them"):
        run(source, out, "--model", "tiny")
    with pytest.raises(SettingsError, match="--concurrency: got 0; "):
        run(source, out, "--llm", "--model", "tiny", "--base-url", server, "--concurrency", 0)
    assert not out.exists()
    out.write_text("mine")
    with pytest.raises(OutputError, match="exists; give another name"):
        run(source, out)
    assert out.read_text() == "mine"
