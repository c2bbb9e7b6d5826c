"""Finds the functions that a configuration names: `module:function`, installed or beside the file."""

import importlib
import inspect
import sys
from collections.abc import Callable

from equalizer.config.load import Loaded
from equalizer.config.source import show
from equalizer.errors import Problem
from equalizer.model.balance import Python
from equalizer.policy.birth import Choose

_WRITE = "write MODULE:FUNCTION of a function that takes a birth and a pool"


def functions(loaded: Loaded, problems: list[Problem]) -> dict[str, Choose]:
    """By pool; what cannot be had is a problem."""
    found: dict[str, Choose] = {}
    for pool, each in loaded.config.pools.items():
        if not isinstance(each.balance, Python):
            continue
        # Behind everything else: a file beside the configuration hides no module that is installed.
        base = str(loaded.source.base.absolute())
        if base not in sys.path:
            sys.path.append(base)
        function = _function(each.balance.function)
        if isinstance(function, str):
            message = f"found {show(each.balance.function)}, {function}; {_WRITE}"
            problems.append(loaded.source.problem(("pools", pool, "balance", "function"), message))
        else:
            found[pool] = function
    return found


def _function(written: str) -> Choose | str:
    """The function, or what keeps it from being had."""
    module, _, name = written.partition(":")
    try:
        function = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module == missing or module.startswith(f"{missing}."):
            return f"and there is no module {show(missing)}"
        return f"whose module needs {show(missing)}, which is not installed"
    except (Exception, SystemExit) as error:
        return f"whose module cannot be imported ({type(error).__name__}: {error})"
    if not callable(function):
        return f"and module {show(module)} has no function {show(name)}"
    fault = _unfit(function)
    if fault:
        return fault
    checked: Choose = function
    return checked


def _unfit(function: Callable[..., object]) -> str:
    """Why every call would fail; empty where that cannot be told."""
    if inspect.iscoroutinefunction(function):
        return "which is async: its answer would never be waited for"
    try:
        inspect.signature(function).bind("a birth", "a pool")
    except TypeError:
        return f"which takes {inspect.signature(function)}"
    except ValueError:
        pass  # some that are not written in Python do not say what they take
    return ""
