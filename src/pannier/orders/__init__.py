"""Orders: frozen figures, a history of states, stock that moves when the shop's settings say so."""

from pannier.orders.api import admin_router, router
from pannier.orders.errors import (
    ExternalReferenceTakenError,
    OrderClosedError,
    OrderNotCancelableError,
    OrderNotFoundError,
)
from pannier.orders.models import Order, OrderLine, OrderState, StockAction
from pannier.orders.owners import adopt, all_of, forget
from pannier.orders.owners import exchange_token as exchange_order_token
from pannier.orders.report_api import admin_router as admin_reports_router
from pannier.orders.repository import decode, whose
from pannier.orders.rules import stock_when_ordered, stock_when_paid
from pannier.orders.schemas import OrderDocument, OrderItem, OrderMoney, OrderTotals
from pannier.orders.service import OrderService
from pannier.orders.tax_reporting import ReportUnit, TaxReport, tax_report
from pannier.orders.view import due_of, items, money, show, totals

__all__ = [
    "ExternalReferenceTakenError",
    "Order",
    "OrderClosedError",
    "OrderDocument",
    "OrderItem",
    "OrderLine",
    "OrderMoney",
    "OrderNotCancelableError",
    "OrderNotFoundError",
    "OrderService",
    "OrderState",
    "OrderTotals",
    "ReportUnit",
    "StockAction",
    "TaxReport",
    "admin_reports_router",
    "admin_router",
    "adopt",
    "all_of",
    "decode",
    "due_of",
    "exchange_order_token",
    "forget",
    "items",
    "money",
    "router",
    "show",
    "stock_when_ordered",
    "stock_when_paid",
    "tax_report",
    "totals",
    "whose",
]
