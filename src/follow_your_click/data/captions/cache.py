"""Answers that were paid for, on disk: a run that was killed asks only for what is missing."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from follow_your_click.data.captions.schema import MotionAnswer
from follow_your_click.errors import OutputError

TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, prompt_version TEXT NOT NULL,
    caption TEXT NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    model TEXT PRIMARY KEY, requests INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
);
"""
SECONDS_TO_WAIT = 30  # for another process that writes to the same file


class CaptionCache:
    """One SQLite file, keyed by model, prompt version and caption.

    Every answer is committed as it comes. The write-ahead log survives the process being killed at any moment; an
    answer is lost only if it had not yet been read off the network.

    Raises:
        OutputError: the file cannot be opened or is not a cache.
    """

    def __init__(self, path: Path, *, model: str, prompt_version: str) -> None:
        self._model = model
        self._version = prompt_version
        self._path = path
        try:
            self._database = sqlite3.connect(path, timeout=SECONDS_TO_WAIT)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(TABLES)
        except sqlite3.Error as error:
            raise OutputError(f"{path}: cannot be used as a caption cache: {error}") from error

    def __enter__(self) -> CaptionCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def get(self, caption: str) -> MotionAnswer | None:
        """The answer to a caption, or None; one that cannot be read counts as missing."""
        row = self._database.execute(
            "SELECT answer FROM answers WHERE key = ?", (self._key(caption),)
        ).fetchone()
        if row is None:
            return None
        try:
            return MotionAnswer.model_validate_json(row[0])
        except ValidationError:
            return None

    def put(
        self, answers: Mapping[str, MotionAnswer], *, prompt_tokens: int, completion_tokens: int
    ) -> None:
        """Keep the answers of one request, by caption, and what it cost; all of it or nothing.

        Raises:
            OutputError: the disk is full, or another process holds the file.
        """
        rows = [
            (self._key(caption), self._model, self._version, caption, answer.model_dump_json())
            for caption, answer in answers.items()
        ]
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)", rows
                )
                self._database.execute(
                    "INSERT INTO spent VALUES (?,1,?,?) ON CONFLICT(model) DO UPDATE SET"
                    " requests = requests + 1, prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
                    " completion_tokens = completion_tokens + excluded.completion_tokens",
                    (self._model, prompt_tokens, completion_tokens),
                )
        except sqlite3.Error as error:
            raise OutputError(f"{self._path}: cannot be written: {error}") from error

    def spent(self) -> tuple[int, int, int]:
        """Requests answered, prompt tokens and completion tokens of this model since the file was made."""
        row = self._database.execute(
            "SELECT requests, prompt_tokens, completion_tokens FROM spent WHERE model = ?",
            (self._model,),
        ).fetchone()
        return (0, 0, 0) if row is None else (row[0], row[1], row[2])

    def _key(self, caption: str) -> str:
        whole = json.dumps([self._model, self._version, caption])
        return hashlib.sha256(whole.encode()).hexdigest()
