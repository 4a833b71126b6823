"""The process that is tested: questions in, answers out, each within a time."""

from __future__ import annotations

import json
import queue
import shlex
import subprocess
import threading
from typing import IO, Any, Self

LONGEST = 1_000_000
"""Characters of a line; more is no answer."""


class PeerError(Exception):
    """The command cannot be tested any further; the message is a sentence that says why."""


class Peer:
    """A running command. Use as a context manager: it ends the process that it began, and nothing else.

    Raises:
        PeerError: when the command cannot be started.
    """

    def __init__(self, command: str, seconds: float) -> None:
        self.seconds = seconds
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise PeerError(f"The command cannot be read: {error}. Put it between quotes.") from error
        if not words:
            raise PeerError("The command is empty: name a program that answers questions.")
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise PeerError(f"{words[0]} cannot be started: {error.strerror}.") from error
        self._lines: queue.Queue[str] = queue.Queue(100)  # who writes more waits
        self._last_words = ""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question.

        Raises:
            PeerError: when the command has ended, does not answer in time, or answers with something else.
        """
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            line = self._lines.get(timeout=self.seconds)
        except OSError:
            line = ""
        except queue.Empty:
            raise PeerError(
                f"The command did not answer {question['id']} within {self.seconds:g} s. It must write one line for "
                "each line it reads, and flush it."
            ) from None
        if not line:
            raise PeerError(f"The command ended before it answered {question['id']}{self._ended()}.")
        return _parsed(line, question["id"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(2)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(2)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _ended(self) -> str:
        """Status and last words, for a sentence."""
        try:
            status = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return ", though it still runs: it has closed its output"
        self._threads[1].join(2)
        words = f": {self._last_words}" if self._last_words else ""
        return f", with status {status}{words}"

    def _read(self, stream: IO[str]) -> None:
        while line := stream.readline(LONGEST + 1):
            self._lines.put(line)
        self._lines.put("")

    def _listen(self, stream: IO[str]) -> None:
        while line := stream.readline(LONGEST):
            self._last_words = line.strip()[:300] or self._last_words


def _parsed(line: str, number: str) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise PeerError(f"The answer to {number} is longer than {LONGEST} characters.")
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise PeerError(f"The answer to {number} is no JSON: {line.strip()[:100]!r}.") from None
    if not isinstance(answer, dict):
        raise PeerError(f"The answer to {number} is no JSON object: {line.strip()[:100]!r}.")
    if answer.get("id") != number:
        raise PeerError(
            f"The answer to {number} has the id {answer.get('id')!r}: answers must come in the order of the questions."
        )
    return answer
