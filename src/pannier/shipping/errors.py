"""What shipping refuses.

PannierError
├── ShippingMethodNotFoundError    there is no such method
└── ShippingMethodExistsError      another one has that code
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class ShippingMethodNotFoundError(PannierError):
    """There is no such shipping method. `GET /api/v1/admin/shipping-methods` lists them."""

    kind = ErrorKind.not_found
    error = "SHIPPING_METHOD_NOT_FOUND"
    code = "SHIP_001"
    title = "There is no such shipping method"


class ShippingMethodExistsError(PannierError):
    """Another shipping method has this code, possibly an archived one. Choose another code: it never changes."""

    kind = ErrorKind.conflict
    error = "SHIPPING_METHOD_EXISTS"
    code = "SHIP_002"
    title = "Another shipping method has this code"
