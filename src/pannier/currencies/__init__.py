"""Exchange rates by day, and amounts in another currency."""

from pannier.currencies.ecb import FxFile
from pannier.currencies.ecb import read as read_ecb
from pannier.currencies.importing import FxImportReport, import_fx
from pannier.currencies.models import Exchange, FxRate
from pannier.currencies.repository import exchange
from pannier.currencies.rules import convert, exchange_of

__all__ = [
    "Exchange",
    "FxFile",
    "FxImportReport",
    "FxRate",
    "convert",
    "exchange",
    "exchange_of",
    "import_fx",
    "read_ecb",
]
