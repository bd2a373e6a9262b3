"""Settings of a trained component that can be changed at any time."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose, isfinite
from typing import Any


class Setting:
    """An attribute that lives in the component's `cfg`, and is checked when it is set."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.cfg[self._name]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.cfg[self._name] = self._check(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values of a setting are equal, give or take what JSON does to a number."""
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other)
    return one == other


def threshold(value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ValueError(
            f"threshold must be a probability above 0 and at most 1, or null, got {value!r}."
        )
    return float(value)


def spans_key(value: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"spans_key must be the name of a group in doc.spans, got {value!r}.")
    return value


def temperature(value: float) -> float:
    if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"temperature must be a positive number, got {value!r}.")
    return float(value)


def bias(value: float) -> float:
    if not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"bias must be a finite number, got {value!r}.")
    return float(value)


def best_labels(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"best_labels must be a number of labels, 0 for none, got {value!r}.")
    return value
