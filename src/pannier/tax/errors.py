"""What taxes refuse.

PannierError
├── ZoneNotFoundError       there is no such zone
├── ZoneExistsError         another one has that name
├── ZoneInUseError          rates name it that still count
├── TaxRateNotFoundError    there is no such rate
├── TaxRateOverlapError     another rate has the same days
└── TaxIdInvalidError       no tax id of that country looks like this
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class ZoneNotFoundError(PannierError):
    """There is no such zone. `GET /api/v1/admin/zones` lists them."""

    kind = ErrorKind.not_found
    error = "ZONE_NOT_FOUND"
    code = "TAX_001"
    title = "There is no such zone"


class ZoneExistsError(PannierError):
    """Another zone has this name, possibly an archived one. Choose another name: it never changes."""

    kind = ErrorKind.conflict
    error = "ZONE_EXISTS"
    code = "TAX_002"
    title = "Another zone has this name"


class ZoneInUseError(PannierError):
    """Tax rates that still count name the zone (`details.tax_rates` says how many). Archive them first."""

    kind = ErrorKind.conflict
    error = "ZONE_IN_USE"
    code = "TAX_003"
    title = "Tax rates name the zone"


class TaxRateNotFoundError(PannierError):
    """There is no such tax rate. `GET /api/v1/admin/tax-rates` lists them."""

    kind = ErrorKind.not_found
    error = "TAX_RATE_NOT_FOUND"
    code = "TAX_004"
    title = "There is no such tax rate"


class TaxRateOverlapError(PannierError):
    """A rate of this code, category and zone has some of these days (`details`). End it, or begin later."""

    kind = ErrorKind.conflict
    error = "TAX_RATE_OVERLAP"
    code = "TAX_005"
    title = "Another rate has these days"


class TaxIdInvalidError(PannierError):
    """No tax id of that country is written like this; `details.reason` says why. Check it, digit by digit."""

    kind = ErrorKind.unprocessable
    error = "TAX_ID_INVALID"
    code = "TAX_006"
    title = "This is no tax id"
