"""Ownership of native handles: one Python object, in the process that made it, has each of them.

A handle is a number by which the library finds an object. Copied with its Python object it would be
freed twice, and in a forked process it stands for threads and locks that are not there. So the
classes that hold one are guarded here, where handles are stored and read: whatever makes a second
holder - `copy`, `pickle`, a process pool, an update of `__dict__` - gets a TypeError, and a forked
process a ForkedError.
"""

from __future__ import annotations

import os
from typing import Any, NoReturn, Optional

from . import _native as native
from ._errors import ForkedError

INSTEAD_OF_CLIENT = (
    "it is a node with threads and a key of its own. Threads may share it; in another process make "
    "a client with its own data_dir"
)
INSTEAD_OF_BOOK = "its orders are the library's. Make a new book, and add orders to that"
INSTEAD_OF_STREAM = "events are taken once. Ask the client for another stream by events()"

#: What to do in place of a copy, by class.
_instead: dict[type, str] = {}


class Uncopyable:
    """A base of objects that stand for something outside of Python: they refuse to be copied."""

    __slots__ = ()

    def __init_subclass__(cls, instead: Optional[str] = None) -> None:
        super().__init_subclass__()
        if instead is not None:
            _instead[cls] = instead

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        refuse_copy(self)

    def __reduce__(self) -> NoReturn:
        refuse_copy(self)

    def __copy__(self) -> NoReturn:
        refuse_copy(self)

    def __deepcopy__(self, memo: object) -> NoReturn:
        refuse_copy(self)

    def __replace__(self, **changes: object) -> NoReturn:
        refuse_copy(self)

    def __getstate__(self) -> NoReturn:
        refuse_copy(self)

    def __setstate__(self, state: object) -> NoReturn:
        refuse_copy(self)


def refuse_copy(value: object) -> NoReturn:
    """Raises the TypeError of an object that can't be copied."""
    kind = type(value)
    known = (_instead[base] for base in kind.__mro__ if base in _instead)
    instead = next(known, "make a new one")
    raise TypeError(
        f"{kind.__name__} can't be copied or pickled, nor sent to another process: {instead}"
    )


class _Owned:
    """A handle, the object that holds it, and the process in which it was made."""

    __slots__ = ("freed", "handle", "holder", "process")

    def __init__(self, handle: int, holder: int) -> None:
        self.handle = handle
        self.holder = holder
        self.process = os.getpid()
        self.freed = False


def _fields(instance: Any) -> dict[str, Any]:
    fields: dict[str, Any] = instance.__dict__
    return fields


class _HandleField:
    """The attribute `_handle` of the generated classes."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        owned = _fields(instance).get("_handle")
        if owned is None:
            raise AttributeError("_handle")
        # The address of a freed object may have been taken over by its copy.
        if not isinstance(owned, _Owned) or owned.holder != id(instance) or owned.freed:
            refuse_copy(instance)
        if owned.process != os.getpid():
            raise ForkedError(
                f"this process was forked from process {owned.process}, which made this "
                f"{type(instance).__name__}: its threads and locks are not here. Make it after "
                "the fork, or start processes without one",
                "FORKED",
            )
        return owned.handle

    def __set__(self, instance: Any, handle: int) -> None:
        if "_handle" in _fields(instance):
            raise TypeError(f"this {type(instance).__name__} has its handle already")
        _fields(instance)["_handle"] = _Owned(handle, id(instance))


def _guard(kind: Any) -> None:
    free = kind.__del__
    # Held here: an interpreter that ends takes the names of modules away before the last objects.
    owned_kind, this_process, fields = _Owned, os.getpid, _fields

    def free_once(self: Any) -> None:
        owned = fields(self).get("_handle")
        if not isinstance(owned, owned_kind) or owned.holder != id(self) or owned.freed:
            return
        # In a forked process it is left as it is: another thread may have held its locks.
        if owned.process == this_process():
            free(self)
        owned.freed = True

    kind._handle = _HandleField()
    kind.__del__ = free_once
    for name, refusal in vars(Uncopyable).items():
        if callable(refusal) and name != "__init_subclass__":
            setattr(kind, name, refusal)


def handle_classes() -> list[type]:
    """The generated classes whose objects hold a handle."""
    return [kind for kind in vars(native).values() if hasattr(kind, "_uniffi_make_instance")]


def _error_again(kind: Any, args: tuple[object, ...], state: dict[str, object]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    _fields(error).update(state)
    return error


def _reduce_error(self: Any) -> tuple[Any, ...]:
    # Made again from its text alone, as exceptions usually are, it would lack its fields.
    return _error_again, (type(self), self.args, dict(_fields(self)))


for _kind in handle_classes():
    _guard(_kind)
_errors: Any = native.MeshbookError
_members: list[Any] = list(_errors.__dict__.values())
for _error in _members:
    if isinstance(_error, type):
        _any_error: Any = _error
        _any_error.__reduce__ = _reduce_error
