"""Decimals on their way in and out."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Optional, Union

#: What is taken as an amount or a price. A string is a plain decimal like "1.5".
DecimalLike = Union[Decimal, int, str]

# Beyond this many digits before the point a value is out of any range.
_DIGITS = 30


def decimal_text(value: DecimalLike, field: str) -> str:
    """The value as the library takes it, which checks the rest: nothing is rounded here or there.

    Raises TypeError for a float and whatever else is no exact number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > _DIGITS or value.adjusted() < -_DIGITS:
            return str(value)
        return format(value, "f")
    if isinstance(value, float):
        raise TypeError(
            f"{field} is a float, {value!r}, and floats don't hold most decimals exactly "
            f'(0.1 + 0.2 is {0.1 + 0.2!r}): give a Decimal, an int or a string, like "{value}"'
        )
    try:
        if isinstance(value, bool):
            raise TypeError
        return str(operator.index(value))
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{field} must be a Decimal, an int or a string, not {kind}") from None


def maybe_decimal(text: Optional[str]) -> Optional[Decimal]:
    """The decimal, where there is one."""
    return None if text is None else Decimal(text)
