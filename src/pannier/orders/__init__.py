"""Orders: frozen figures, a history of states, stock that moves when the shop's settings say so."""

from pannier.orders.after_api import admin_after_router, after_router
from pannier.orders.after_view import show_aftermath
from pannier.orders.api import admin_router, router
from pannier.orders.documents_api import admin_documents_router, documents_router, invoice_page
from pannier.orders.errors import (
    ExternalReferenceTakenError,
    OrderClosedError,
    OrderNotCancelableError,
    OrderNotFoundError,
    RefundExceedsError,
)
from pannier.orders.listing import Filter as OrderFilter
from pannier.orders.listing import OrderListing
from pannier.orders.listing_api import admin_listing_router
from pannier.orders.models import Aftermath, Order, OrderLine, OrderState, Refund, Return, StockAction
from pannier.orders.owners import adopt, all_of, forget
from pannier.orders.owners import exchange_token as exchange_order_token
from pannier.orders.ports import ByHand, Given, Repayments
from pannier.orders.refund_rules import Wanted as WantedRefund
from pannier.orders.refunding import RefundService
from pannier.orders.repaying import ThroughPayments
from pannier.orders.report_api import admin_router as admin_reports_router
from pannier.orders.repository import decode, whose
from pannier.orders.return_rules import Asked, Looked
from pannier.orders.returning import ReturnService
from pannier.orders.rules import balance_of, is_cancelable, stock_when_ordered, stock_when_paid
from pannier.orders.schemas import OrderDocument, OrderExchange, OrderItem, OrderMoney, OrderTotals
from pannier.orders.service import OrderService
from pannier.orders.tax_reporting import ReportUnit, TaxReport, tax_report
from pannier.orders.view import due_of, items, money, show, totals

__all__ = [
    "Aftermath",
    "Asked",
    "ByHand",
    "ExternalReferenceTakenError",
    "Given",
    "Looked",
    "Order",
    "OrderClosedError",
    "OrderDocument",
    "OrderExchange",
    "OrderFilter",
    "OrderItem",
    "OrderLine",
    "OrderListing",
    "OrderMoney",
    "OrderNotCancelableError",
    "OrderNotFoundError",
    "OrderService",
    "OrderState",
    "OrderTotals",
    "Refund",
    "RefundExceedsError",
    "RefundService",
    "Repayments",
    "ReportUnit",
    "Return",
    "ReturnService",
    "StockAction",
    "TaxReport",
    "ThroughPayments",
    "WantedRefund",
    "admin_after_router",
    "admin_documents_router",
    "admin_listing_router",
    "admin_reports_router",
    "admin_router",
    "adopt",
    "after_router",
    "all_of",
    "balance_of",
    "decode",
    "documents_router",
    "due_of",
    "exchange_order_token",
    "forget",
    "invoice_page",
    "is_cancelable",
    "items",
    "money",
    "router",
    "show",
    "show_aftermath",
    "stock_when_ordered",
    "stock_when_paid",
    "tax_report",
    "totals",
    "whose",
]
