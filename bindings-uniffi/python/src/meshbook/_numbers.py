"""Whole numbers and times on their way in."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from typing import Optional, SupportsIndex, Union

from ._errors import InvalidValueError

_MOST = 2**32 - 1


def _not_allowed(field: str, value: object, allowed: str) -> InvalidValueError:
    message = f"{field} {value!r} is not allowed: {allowed}"
    return InvalidValueError(message, "INVALID_ARGUMENT", field, str(value)[:64], allowed)


def whole(value: object, field: str, kinds: str = "an int") -> int:
    """A whole number. Raises TypeError for anything else."""
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return operator.index(value)
    raise TypeError(f"{field} must be {kinds}, not {type(value).__name__}")


def count(value: int, field: str) -> int:
    """How many, as the library takes it: more than it can count is all."""
    number = whole(value, field)
    if number < 0:
        raise _not_allowed(field, value, "0 or more")
    return min(number, _MOST)


def millis_of(value: Union[datetime, int], field: str) -> int:
    """A moment in milliseconds since 1970."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _not_allowed(
                field, value, "a time with a time zone, like datetime.now(timezone.utc)"
            )
        millis = value.timestamp() * 1000
    else:
        millis = whole(value, field, "a datetime or an int")
    if not 0 <= millis < 2**63:
        raise _not_allowed(field, value, "a time since 1970")
    return int(millis)


def lifetime_of(value: Optional[Union[timedelta, int]], field: str) -> Optional[int]:
    """A length of time in milliseconds; a number counts seconds."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        millis = value // timedelta(milliseconds=1)
    else:
        millis = whole(value, field, "a timedelta or an int") * 1000
    if not 0 < millis < 2**63:
        raise _not_allowed(field, value, "more than 0; 30 days at most are kept")
    return millis
