"""No address with a word in it is taken by another one's parameter."""

from __future__ import annotations

import re

from pannier.app import create_app
from pannier.platform.settings import Settings


def _takes(template: str, address: str) -> bool:
    """Whether the template's parameters also match the address, which has a word in the place of one."""
    pattern = re.sub(r"\\\{[^/]+\\\}", "[^/{}]+", re.escape(template))
    return template != address and re.fullmatch(pattern, address) is not None


def test_an_address_with_a_word_takes_every_method_of_the_parameter_it_hides(settings: Settings) -> None:
    """Else `GET /stock/packages` would answer as `GET /stock/{variant_id}` does, and `Allow` would name it."""
    methods = {path: set(item) for path, item in create_app(settings).openapi()["paths"].items()}
    shadowed = {
        (address, template): methods[template] - methods[address]
        for address in methods
        for template in methods
        if _takes(template, address) and methods[template] - methods[address]
    }
    assert not shadowed
