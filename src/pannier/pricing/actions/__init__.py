"""What promotions give. One class per action, in the file of its kind; a new one needs only its class."""

from __future__ import annotations

from collections.abc import Mapping

from pannier.pricing.actions import gift, groups, item, order, shipping
from pannier.pricing.actions.base import Action, ItemAction, OrderAction, ShippingAction
from pannier.pricing.actions.gift import Gift

#: Every action there is, by the name that promotions call it by.
ACTIONS: Mapping[str, type[Action]] = {**order.KINDS, **item.KINDS, **groups.KINDS, **gift.KINDS, **shipping.KINDS}

__all__ = ["ACTIONS", "Action", "Gift", "ItemAction", "OrderAction", "ShippingAction"]
