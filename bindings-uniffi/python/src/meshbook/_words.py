"""Words that stand for a choice, taken as the enum or as its text."""

from __future__ import annotations

from typing import TypeVar, Union

from ._errors import InvalidOrderError
from ._types import OrderType, Side, TimeInForce


def text_of(value: object, field: str) -> str:
    """A string. Raises TypeError for anything else."""
    if isinstance(value, str):
        return value
    raise TypeError(f"{field} must be a string, not {type(value).__name__}")


_Word = TypeVar("_Word", Side, OrderType, TimeInForce)


def _word(kind: type[_Word], value: object, field: str) -> _Word:
    if not isinstance(value, str):
        raise TypeError(
            f"{field} must be a {kind.__name__} or a string, not {type(value).__name__}"
        )
    try:
        return kind(value.lower())
    except ValueError:
        allowed = ", ".join(word.value for word in kind)
        message = f'{field} "{value}" is not allowed: one of {allowed}'
        raise InvalidOrderError(
            message, "INVALID_ORDER", field, value, f"one of {allowed}"
        ) from None


def side_of(value: Union[Side, str]) -> Side:
    return _word(Side, value, "side")


def order_type_of(value: Union[OrderType, str]) -> OrderType:
    return _word(OrderType, value, "type")


def time_in_force_of(value: Union[TimeInForce, str]) -> TimeInForce:
    return _word(TimeInForce, value, "time_in_force")
