"""Every template can be made into a page: a shop compiles each only when it is first shown."""

from __future__ import annotations

import pytest

from pannier.platform.migrate import shipped
from pannier.platform.settings import Settings
from pannier.storefront.pages import Pages
from tests.support.served import NO_DATABASE


@pytest.mark.parametrize("name", sorted(file.name for file in (shipped("web") / "templates").glob("*.html")))
def test_a_template_compiles(name: str) -> None:
    assert Pages(Settings(database_url=NO_DATABASE))._environment.get_template(name).name == name
