"""The exceptions, and how those of the library become them."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Any, Optional

from . import _native as native


class MeshbookError(Exception):
    """Whatever this package raises, but for `TypeError` where a value is of a wrong type."""

    code: str
    """A stable name of the case, like `EADDRINUSE`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (type(self), str(self), dict(vars(self))))


class InvalidValueError(MeshbookError, ValueError):
    """A value is not allowed. Nothing has changed."""

    field: str
    """What was wrong, by the name of the option, the argument or the environment variable."""
    value: str
    """The value, cut to 64 characters."""
    allowed: str
    """What is allowed, as a phrase."""

    def __init__(self, message: str, code: str, field: str, value: str, allowed: str) -> None:
        super().__init__(message, code)
        self.field = field
        self.value = value
        self.allowed = allowed


class InvalidOptionError(InvalidValueError):
    """An option or an environment variable is not allowed."""


class InvalidOrderError(InvalidValueError):
    """An order is not allowed."""


class NotRunningError(MeshbookError, RuntimeError):
    """The client is not open, or not any more: `NOT_INITIALIZED` or `SHUTTING_DOWN`."""


class StartError(MeshbookError):
    """The node did not start. It may be tried again."""


class AddressInUseError(StartError, OSError):
    """Somebody listens on that port already: `EADDRINUSE`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.errno: Optional[int] = errno.EADDRINUSE


class OrderRefusedError(MeshbookError):
    """An order is allowed and was not taken all the same, for a reason that `code` names."""


class StorageError(MeshbookError):
    """What must survive can't be read or written, or another process has the data directory."""


class ForkedError(MeshbookError, RuntimeError):
    """The process was forked after a node was made. The node's threads are not in it."""


class ResourceError(MeshbookError, RuntimeError):
    """The system refuses what everything needs: threads, entropy."""


def _again(kind: type[MeshbookError], message: str, state: dict[str, Any]) -> MeshbookError:
    """An exception as it was pickled."""
    error = kind.__new__(kind, message)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


#: What the library calls some fields, and what they are called here.
_NAMES = {"userId": "user_id", "orderId": "order_id"}


def _invalid(error: Any) -> MeshbookError:
    name, message = str(error.field), str(error.message)
    field = _NAMES.get(name, name)
    if message.startswith(name):
        message = field + message[len(name) :]
    kind = {"INVALID_OPTION": InvalidOptionError, "INVALID_ORDER": InvalidOrderError}
    found = kind.get(error.code, InvalidValueError)
    return found(message, error.code, field, error.value, error.allowed)


def translate(error: Any) -> MeshbookError:
    """The exception that users see for an error of the library."""
    kinds: Any = native.MeshbookError
    if isinstance(error, kinds.InvalidValue):
        return _invalid(error)
    code: str = error.code
    message: str = error.message
    if isinstance(error, kinds.NotRunning):
        if code == "NOT_INITIALIZED":
            message = "the client is not open: use `async with`, or call open() first"
        else:
            message = "the client is closed, or about to be; make a new one to go on"
        return NotRunningError(message, code)
    if code == "EADDRINUSE":
        return AddressInUseError(message, code)
    if isinstance(error, kinds.Start):
        return StartError(message, code)
    if isinstance(error, kinds.Refused):
        return OrderRefusedError(message, code)
    if isinstance(error, kinds.Storage):
        return StorageError(message, code)
    if isinstance(error, kinds.Forked):
        return ForkedError(message, code)
    return ResourceError(message, code)


class _Translated:
    """Lets errors of the library out of its block as exceptions of this package."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # The library's name stands for a class with the kinds in it, which is no exception.
        if kind is None or kind.__module__ != native.MeshbookError.__module__:
            return
        if kind.__qualname__.startswith("MeshbookError."):
            raise translate(error) from None


translated = _Translated()
