"""The shop's pages: server-made HTML that needs no script, over the same services as the API."""

from pannier.storefront.api import storefront_router
from pannier.storefront.pages import Pages

__all__ = ["Pages", "storefront_router"]
