"""Puts the capabilities together: wiring, lifespan, routes, command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pannier.app.factory import PannierApp, create_app, lifespan_of, mounted
    from pannier.app.wiring import Services

__all__ = ["PannierApp", "Services", "create_app", "lifespan_of", "mounted"]


def __getattr__(name: str) -> Any:
    """Import the application when it is asked for: `pannier --help` needs neither FastAPI nor a database driver."""
    if name in __all__:
        return getattr(import_module("pannier.app.factory"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
