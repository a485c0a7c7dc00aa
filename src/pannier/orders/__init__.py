"""Orders: frozen figures, a history of states, stock that moves when the shop's settings say so."""

from pannier.orders.adapters.signed_http import SignedHttpTaker, open_taker
from pannier.orders.after_api import admin_after_router, after_router, looked_of
from pannier.orders.after_schemas import LookedItem, RefundDocument, ReturnDocument
from pannier.orders.after_schemas import Reason as OrderReason
from pannier.orders.after_view import show_aftermath, show_refund, show_return
from pannier.orders.api import admin_router, request_key, router
from pannier.orders.changing import Decide, OrderChanges, Tell
from pannier.orders.documents_api import admin_documents_router, documents_router, invoice_page
from pannier.orders.edit_rules import Addition, more_due
from pannier.orders.edit_rules import Revision as OrderRevision
from pannier.orders.edit_rules import edit as edit_order
from pannier.orders.edit_rules import revised as revised_order
from pannier.orders.errors import (
    ExternalReferenceTakenError,
    NothingDueError,
    OrderChangedError,
    OrderClosedError,
    OrderNotCancelableError,
    OrderNotEditableError,
    OrderNotFoundError,
    OrderQuantityError,
    RefundExceedsError,
    ReturnNotFoundError,
    ReturnStateError,
)
from pannier.orders.handover import CONSUMER as HANDOVER_CONSUMER
from pannier.orders.handover import HandoverService
from pannier.orders.handover_api import admin_handover_router
from pannier.orders.listing import Filter as OrderFilter
from pannier.orders.listing import OrderListing
from pannier.orders.listing_api import admin_listing_router
from pannier.orders.models import (
    Aftermath,
    Captured,
    Handover,
    Order,
    OrderLine,
    OrderState,
    Refund,
    Return,
    StockAction,
    Transition,
)
from pannier.orders.owners import adopt, all_of, forget
from pannier.orders.owners import exchange_token as exchange_order_token
from pannier.orders.paying import OrderPaying
from pannier.orders.ports import ByHand, Given, HandoverRefusedError, HandoverTroubleError, OrderTaker, Repayments
from pannier.orders.refund_rules import Wanted as WantedRefund
from pannier.orders.refunding import RefundService
from pannier.orders.repaying import ThroughPayments
from pannier.orders.report_api import admin_router as admin_reports_router
from pannier.orders.repository import decode, whose
from pannier.orders.repository import lock_stock as lock_stock_of
from pannier.orders.return_rules import Asked, Looked, open_return
from pannier.orders.return_rules import complete as complete_return
from pannier.orders.return_rules import find as find_return
from pannier.orders.returning import ReturnService
from pannier.orders.rules import balance_of, is_cancelable, is_closed, stock_when_ordered, stock_when_paid
from pannier.orders.schemas import OrderDocument, OrderExchange, OrderItem, OrderMoney, OrderTotals
from pannier.orders.service import OrderService
from pannier.orders.tax_reporting import ReportUnit, TaxReport, tax_report
from pannier.orders.view import due_of, items, money, show, totals

__all__ = [
    "HANDOVER_CONSUMER",
    "Addition",
    "Aftermath",
    "Asked",
    "ByHand",
    "Captured",
    "Decide",
    "ExternalReferenceTakenError",
    "Given",
    "Handover",
    "HandoverRefusedError",
    "HandoverService",
    "HandoverTroubleError",
    "Looked",
    "LookedItem",
    "NothingDueError",
    "Order",
    "OrderChangedError",
    "OrderChanges",
    "OrderClosedError",
    "OrderDocument",
    "OrderExchange",
    "OrderFilter",
    "OrderItem",
    "OrderLine",
    "OrderListing",
    "OrderMoney",
    "OrderNotCancelableError",
    "OrderNotEditableError",
    "OrderNotFoundError",
    "OrderPaying",
    "OrderQuantityError",
    "OrderReason",
    "OrderRevision",
    "OrderService",
    "OrderState",
    "OrderTaker",
    "OrderTotals",
    "Refund",
    "RefundDocument",
    "RefundExceedsError",
    "RefundService",
    "Repayments",
    "ReportUnit",
    "Return",
    "ReturnDocument",
    "ReturnNotFoundError",
    "ReturnService",
    "ReturnStateError",
    "SignedHttpTaker",
    "StockAction",
    "TaxReport",
    "Tell",
    "ThroughPayments",
    "Transition",
    "WantedRefund",
    "admin_after_router",
    "admin_documents_router",
    "admin_handover_router",
    "admin_listing_router",
    "admin_reports_router",
    "admin_router",
    "adopt",
    "after_router",
    "all_of",
    "balance_of",
    "complete_return",
    "decode",
    "documents_router",
    "due_of",
    "edit_order",
    "exchange_order_token",
    "find_return",
    "forget",
    "invoice_page",
    "is_cancelable",
    "is_closed",
    "items",
    "lock_stock_of",
    "looked_of",
    "money",
    "more_due",
    "open_return",
    "open_taker",
    "request_key",
    "revised_order",
    "router",
    "show",
    "show_aftermath",
    "show_refund",
    "show_return",
    "stock_when_ordered",
    "stock_when_paid",
    "tax_report",
    "totals",
    "whose",
]
