"""Blocks of options that commands share: a frozen dataclass stands for all of them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


def unfolded(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take options in place of a parameter whose type is a dataclass of them.

    Each field of the dataclass is an option, declared as typer wants it, with its default; the
    command is called with an instance of what was given.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Page:
    ...     width: int = 80
    ...     height: int = 40
    >>> @unfolded
    ... def show(*, path: str, page: Page) -> None:
    ...     print(path, page.width, page.height)
    >>> str(inspect.signature(show))
    '(*, path: str, width: int = 80, height: int = 40)'
    >>> show(path="a", width=60, height=40)
    a 60 40
    """
    blocks: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if dataclasses.is_dataclass(parameter.annotation):
            blocks[parameter.name] = parameter.annotation
            parameters += _parameters(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for name, block in blocks.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(block)}
            given[name] = block(**own)
        command(**given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _parameters(block: Any) -> list[inspect.Parameter]:
    """Return a keyword parameter for each field of a dataclass."""
    types = get_type_hints(block, include_extras=True)
    missing, empty = dataclasses.MISSING, inspect.Parameter.empty
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=empty if field.default is missing else field.default,
            annotation=types[field.name],
        )
        for field in dataclasses.fields(block)
    ]
