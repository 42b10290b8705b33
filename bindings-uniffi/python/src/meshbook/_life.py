"""The end of the process: whatever is open then is closed, with a goodbye to the peers."""

from __future__ import annotations

import atexit
import os
import weakref

from . import _logs
from . import _native as native

#: How long nodes that nobody holds any more may take to end, in ms.
_PATIENCE = 6000

_used = False
_open: weakref.WeakSet[native.Node] = weakref.WeakSet()


def opened(node: native.Node) -> None:
    """Closes the node at the end of the process, unless that was done."""
    global _used
    _used = True
    _open.add(node)


def closed(node: native.Node) -> None:
    """The node needs no closing any more."""
    _open.discard(node)


def _end() -> None:
    if not _used:
        return
    # Until here the interpreter is whole, so nothing that still runs calls into one that is not.
    for node in list(_open):
        node.close_blocking()
    native.wait_for_ends(_PATIENCE)
    _logs.stop()


def _forget() -> None:
    """In a forked process there is nothing to end."""
    global _used
    _used = False
    _open.clear()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
