"""Lines for stdout and stderr that hold nobody up: a thread of their own waits for the reader."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from typing import Optional, TextIO

#: Bytes that wait for a reader; what comes beyond them is dropped and counted.
MAX_WAITING_BYTES = 256 * 1024


class Lines:
    """Writes lines to a stream in their order. A reader that stops reading a pipe blocks whoever
    writes to it, and a blocked main thread runs no handler of a signal."""

    def __init__(self, stream: Optional[TextIO]) -> None:
        """Without a stream, as where a process has no stderr, lines go nowhere."""
        self._file: Optional[int] = None
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._file = stream.fileno()
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._writing = False
        self._over = False
        self._thread: Optional[threading.Thread] = None

    def put(self, line: str) -> None:
        """Writes the line soon, or drops it. Returns at once."""
        text = f"{line}\n".encode("utf-8", "backslashreplace")
        with self._changed:
            if self._file is None or self._over:
                return
            if self._size + len(text) > MAX_WAITING_BYTES:
                self._dropped += 1
                return
            text = self._take_notice() + text
            self._waiting.append(text)
            self._size += len(text)
            if self._thread is None:
                # A daemon: the end of the process doesn't wait for a reader that never comes.
                self._thread = threading.Thread(
                    target=self._run, name="meshbook-lines", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Waits until everything is written, so many seconds at most. Takes no further lines."""
        with self._changed:
            self._changed.wait_for(lambda: not self._has_work() and not self._writing, timeout)
            self._over = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            text = self._next()
            if text is None:
                return
            try:
                while text:
                    text = text[os.write(self._file or 0, text) :]
            except OSError:
                # Its reader is gone, and so is the use of it.
                with self._changed:
                    self._file = None
                    self._waiting.clear()
                    self._size = self._dropped = 0
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _next(self) -> Optional[bytes]:
        with self._changed:
            self._changed.wait_for(lambda: self._has_work() or self._over)
            if not self._has_work():
                return None
            self._writing = True
            if not self._waiting:
                return self._take_notice()
            text = self._waiting.popleft()
            self._size -= len(text)
            return text

    def _has_work(self) -> bool:
        return bool(self._waiting or self._dropped)

    def _take_notice(self) -> bytes:
        """The line that stands in place of dropped ones, if there are any."""
        dropped, self._dropped = self._dropped, 0
        return f"{dropped} lines were dropped: nobody read them\n".encode() if dropped else b""


class LineHandler(logging.Handler):
    """Logs to such lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put(self.format(record))
        except Exception:
            self.handleError(record)
