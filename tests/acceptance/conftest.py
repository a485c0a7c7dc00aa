"""What tests of the acceptance runner share."""

from __future__ import annotations

import pytest_asyncio

from tests.acceptance.databases import Fresh, describe


@pytest_asyncio.fixture
async def fresh(server_url: str, _template: str) -> Fresh:
    """A migrated database to make copies of."""
    return await describe(server_url, _template)
