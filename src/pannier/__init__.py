"""Pannier: the cart, stock and checkout engine for Python."""

__version__ = "0.1.0"
