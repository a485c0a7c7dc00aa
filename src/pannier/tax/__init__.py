"""Zones and the taxes in them, with their history."""

from pannier.tax.adapters.vies import ViesRegister, open_register
from pannier.tax.errors import TaxIdInvalidError
from pannier.tax.files.rows import RateFile
from pannier.tax.importing import NamedText, TaxImportReport, import_rates, read_files
from pannier.tax.models import Area, Destination, TaxIdResult, TaxRateDefinition, Zone
from pannier.tax.repository import known_zones, load_rates, load_zones
from pannier.tax.rules import EU_COUNTRIES, zone_of
from pannier.tax.service import TaxService
from pannier.tax.tax_id_service import TaxIdService, export_checks, forget_checks

__all__ = [
    "EU_COUNTRIES",
    "Area",
    "Destination",
    "NamedText",
    "RateFile",
    "TaxIdInvalidError",
    "TaxIdResult",
    "TaxIdService",
    "TaxImportReport",
    "TaxRateDefinition",
    "TaxService",
    "ViesRegister",
    "Zone",
    "export_checks",
    "forget_checks",
    "import_rates",
    "known_zones",
    "load_rates",
    "load_zones",
    "open_register",
    "read_files",
    "zone_of",
]
