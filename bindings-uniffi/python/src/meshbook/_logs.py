"""The library's log, brought to `logging` by a thread that runs while a client is open."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import Optional

from . import _native as native

#: How long the thread sleeps at most until it looks for a changed level, in ms.
_PAUSE = 1000

#: Where the standard library has no level.
TRACE = 5

_LEVELS = {
    native.LogLevel.ERROR: logging.ERROR,
    native.LogLevel.WARN: logging.WARNING,
    native.LogLevel.INFO: logging.INFO,
    native.LogLevel.DEBUG: logging.DEBUG,
    native.LogLevel.TRACE: TRACE,
}
_NAMED = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

_root = logging.getLogger("meshbook")
_root.addHandler(logging.NullHandler())

_lock = threading.Lock()
_bridge: Optional[_Bridge] = None


class Share:
    """What a client has of the thread."""

    def __init__(self, node: native.Node) -> None:
        self._node = weakref.ref(node)
        #: Not open yet, and that is no reason to end.
        self.is_opening = True

    def is_over(self) -> bool:
        """Whether its node is open no more."""
        node = self._node()
        return node is None or not (self.is_opening or node.is_open())


_shares: set[Share] = set()


class _Bridge:
    """Fetches records many at a time; the nodes' threads never wait for it, nor for the GIL."""

    def __init__(self) -> None:
        self._logs = native.Logs()  # type: ignore[no-untyped-call]
        self._over = False
        self._loggers: dict[str, logging.Logger] = {}
        self._follow_level()
        # A daemon, so that a script that forgets to close still comes to its end, where it is
        # stopped.
        self._thread = threading.Thread(target=self._run, name="meshbook-logs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over = True
        self._logs.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)
        with _lock:
            # The level is the process's, and another bridge may have begun.
            if _bridge is None:
                self._logs.set_level(native.LogLevel.OFF)

    def _run(self) -> None:
        while not self._over:
            self._hand_over(_PAUSE)
            self._follow_level()
            if _sweep() is not None:
                self.stop()
        # What was said until the end.
        while self._hand_over(0):
            pass

    def _follow_level(self) -> None:
        """What nobody would see is not even fetched."""
        enabled = [level for level, number in _LEVELS.items() if _root.isEnabledFor(number)]
        self._logs.set_level(enabled[-1] if enabled else native.LogLevel.OFF)

    def _hand_over(self, pause: int) -> int:
        records = self._logs.wait(pause)
        for record in records:
            self._log(record)
        dropped = self._logs.take_dropped()
        if dropped:
            _root.warning("%d log records were dropped: they came faster than they went", dropped)
        return len(records)

    def _log(self, record: native.LogRecord) -> None:
        logger = self._logger(record.target)
        level = _LEVELS[record.level]
        if not logger.isEnabledFor(level):
            return
        fields = {field.name: field.value for field in record.fields}
        said = [record.message, *(f"{name}={text}" for name, text in fields.items())]
        message = printable(" ".join(said))
        # Built by hand for its time, which is when it was said and not when it came here.
        made = logger.makeRecord(
            logger.name, level, "(meshbook)", 0, message, (), None, extra={"fields": fields}
        )
        made.created = record.timestamp / 1000
        made.msecs = float(record.timestamp % 1000)
        logger.handle(made)

    def _logger(self, target: str) -> logging.Logger:
        """`meshbook.client.driver` for `meshbook::client::driver`; what libraries below say is
        under `meshbook.lib`."""
        if target not in self._loggers:
            name = target.replace("::", ".")
            if not name.startswith("meshbook"):
                name = f"meshbook.lib.{name}"
            self._loggers[target] = logging.getLogger(name)
        return self._loggers[target]


def printable(text: str) -> str:
    """The text with whatever is no visible character escaped: peers choose names, and a line break
    or a mark that turns the direction of writing round would forge a line of the log."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def set_level(name: str) -> None:
    """Sets the level of the logger `meshbook`, by one of the library's names."""
    _root.setLevel(_NAMED[name])


def acquire(node: native.Node) -> Share:
    """Brings records over for a node that is about to open. Ends with `release`, or by itself once
    the node is open no more: an `open` that is cancelled late ends the node, and nothing else."""
    global _bridge
    with _lock:
        share = Share(node)
        _shares.add(share)
        if _bridge is None:
            _bridge = _Bridge()
        return share


def release(share: Share) -> None:
    """Gives a share back. Returns once all was said, if it was the last one."""
    with _lock:
        _shares.discard(share)
        bridge = _take_unused()
    if bridge is not None:
        bridge.stop()


def stop() -> None:
    """Ends it, whoever still uses it."""
    with _lock:
        _shares.clear()
        bridge = _take_unused()
    if bridge is not None:
        bridge.stop()


def _take_unused() -> Optional[_Bridge]:
    """The bridge, if nobody has a share of it. For who holds the lock."""
    global _bridge
    if _shares:
        return None
    bridge, _bridge = _bridge, None
    return bridge


def _sweep() -> Optional[_Bridge]:
    """Takes the shares of nodes that ended back; gives the bridge if none is left."""
    with _lock:
        _shares.difference_update([share for share in _shares if share.is_over()])
        return _take_unused()


def _forget() -> None:
    """In a forked process there is no thread, and the lock may be held by one that isn't there."""
    global _bridge, _lock
    _bridge, _lock = None, threading.Lock()
    _shares.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
