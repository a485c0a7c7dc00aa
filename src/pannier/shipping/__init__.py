"""Ways to ship: what they cost, where they go, how long they take."""

from pannier.shipping.models import Delivery, Fulfilment, ShippingMethodDefinition
from pannier.shipping.repository import load_methods
from pannier.shipping.rules import estimate
from pannier.shipping.service import ShippingService

__all__ = ["Delivery", "Fulfilment", "ShippingMethodDefinition", "ShippingService", "estimate", "load_methods"]
