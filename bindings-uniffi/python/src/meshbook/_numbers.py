"""Whole numbers and times on their way in."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from typing import Optional, Union

from ._errors import InvalidValueError

_MOST = 2**32 - 1


def _not_allowed(field: str, value: object, allowed: str) -> InvalidValueError:
    message = f"{field} {value!r} is not allowed: {allowed}"
    return InvalidValueError(message, "INVALID_ARGUMENT", field, str(value)[:64], allowed)


def count(value: int, field: str) -> int:
    """How many, as the library takes it: more than it can count is all."""
    number = operator.index(value)
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
        millis = operator.index(value)
    if not 0 <= millis < 2**63:
        raise _not_allowed(field, value, "a time since 1970")
    return int(millis)


def lifetime_of(value: Optional[Union[timedelta, int]], field: str) -> Optional[int]:
    """A length of time in milliseconds; a number counts seconds."""
    if value is None:
        return None
    length = value if isinstance(value, timedelta) else timedelta(seconds=operator.index(value))
    millis = length // timedelta(milliseconds=1)
    if millis <= 0:
        raise _not_allowed(field, value, "more than 0")
    return millis
