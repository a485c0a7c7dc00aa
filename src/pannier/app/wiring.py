"""What one shop is made of, and how its parts know each other: the only place that names them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from pannier.accounts import ENDED_INTERVAL_S, AccountService, PeopleService, StaffAccounts, auth_router, me_router
from pannier.accounts import jobs as account_jobs
from pannier.app.catalogue_prices import CataloguePrices
from pannier.app.catalogue_stock import CatalogueStock
from pannier.app.identity import Identity, open_identity
from pannier.app.keeping import PRUNE_INTERVAL_S, prune
from pannier.app.lifecycle import Job, periodic
from pannier.app.order_wiring import order_services
from pannier.app.price_vocabulary import check_price_rule, check_promotion, check_shipping_method, check_tax_rate
from pannier.app.privacy import ERASE_INTERVAL_S, PrivacyService
from pannier.app.privacy_routes import router as privacy_router
from pannier.app.tax_id_routes import admin_router as admin_tax_id_router
from pannier.app.tax_id_routes import router as tax_id_router
from pannier.cart import (
    CartDisplays,
    CartPricingService,
    CartService,
    HistoryService,
    MergeRequest,
    MergeService,
    PriceStatements,
    SharingService,
    StatelessPricing,
    pricing_router,
)
from pannier.cart import jobs as cart_jobs
from pannier.cart.api import HOT_ROUTES as CART_ROUTES
from pannier.catalog import (
    CatalogService,
    PriceHistory,
    PriceListService,
    ProductBrowser,
    admin_price_list_router,
    known_variants,
    price_history_router,
)
from pannier.catalog import jobs as catalogue_jobs
from pannier.catalog.api import admin_router as admin_catalogue_router
from pannier.catalog.api import router as catalogue_router
from pannier.checkout import HOT_ROUTES as CHECKOUT_ROUTES
from pannier.checkout import (
    BuyNowService,
    CartGuestTokens,
    CheckoutService,
    CodeService,
    DraftService,
    DueService,
    ReorderService,
    ReviseService,
    WishingService,
    admin_revising_router,
    buying_router,
    codes_router,
    dues_router,
    reordering_router,
    webhook_router,
    wishing_router,
)
from pannier.checkout import jobs as checkout_jobs
from pannier.checkout import router as checkout_router
from pannier.inventory import InventoryService, PlacesService, places_router
from pannier.inventory.api import admin_router as admin_stock_router
from pannier.inventory.api import router as inventory_router
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import Clock
from pannier.orders import (
    HandoverService,
    OrderListing,
    OrderService,
    RefundService,
    ReturnService,
    admin_after_router,
    admin_documents_router,
    admin_handover_router,
    admin_listing_router,
    admin_reports_router,
    after_router,
    documents_router,
    open_taker,
)
from pannier.orders import admin_router as admin_orders_router
from pannier.orders import jobs as order_jobs
from pannier.orders import router as orders_router
from pannier.orders.jobs import HANDOVER_INTERVAL_S
from pannier.payments import PaymentService
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.embedded import lease
from pannier.platform.health import Check, SchemaCheck, connection_check
from pannier.platform.hot import HotRoute
from pannier.platform.observability.metrics import Metrics
from pannier.platform.once import once
from pannier.platform.settings import Settings
from pannier.pricebook import GIFTS_INTERVAL_S, PriceHouse, open_house, open_providers
from pannier.promotions import (
    CouponService,
    CustomerPriceService,
    PromotionService,
    PurseService,
    coupons_router,
    promotions_router,
    purses_router,
)
from pannier.shipping import ShippingService
from pannier.shipping.api import admin_router as admin_shipping_router
from pannier.storefront import Pages, storefront_router
from pannier.tax import TaxIdService, TaxService, known_zones, open_register
from pannier.tax.api import admin_router as admin_tax_router
from pannier.wishlist import NoticeService, WishlistService, WishlistSharing, sharing_router
from pannier.wishlist import jobs as wishlist_jobs
from pannier.wishlist import router as wishlist_router

API_PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Services:
    """What one running application is made of; `app.state.pannier` while it runs."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    db: Database
    inventory: InventoryService
    places: PlacesService
    catalogue: CatalogService
    browser: ProductBrowser
    prices: PriceHouse
    carts: CartService
    cart_pricing: CartPricingService
    price_statements: PriceStatements
    displays: CartDisplays
    merges: MergeService
    history: HistoryService
    sharing: SharingService
    orders: OrderService
    order_listing: OrderListing
    reordering: ReorderService
    revisions: ReviseService
    dues: DueService
    handovers: HandoverService
    refunds: RefundService
    returns: ReturnService
    checkouts: CheckoutService
    codes: CodeService
    drafts: DraftService
    payments: PaymentService
    identity: Identity
    accounts: AccountService
    staff_accounts: StaffAccounts
    people: PeopleService
    privacy: PrivacyService
    buying: BuyNowService
    pricing: StatelessPricing
    price_lists: PriceListService
    taxes: TaxService
    tax_ids: TaxIdService
    promotions: PromotionService
    price_history: PriceHistory
    coupons: CouponService
    purses: PurseService
    customer_prices: CustomerPriceService
    shipping: ShippingService
    wishlists: WishlistService
    wishlist_sharing: WishlistSharing
    wishing: WishingService
    notices: NoticeService


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock, metrics: Metrics) -> AsyncIterator[Services]:
    """Connect the database and build every service on it; closes it when left."""
    async with database_address(settings) as url:
        db = await Database.connect(url, settings, clock)
        inventory = InventoryService(db, settings, known_variants=known_variants)
        prices, providers = open_house(db, settings), open_providers(settings)
        register, taker = open_register(settings), open_taker(settings, clock)
        carts = CartService(db, settings, prices, on_batch=metrics.batch_size.labels("cart").observe)
        checkouts = CheckoutService(db, settings, prices, providers=providers)
        wishlists = WishlistService(db, settings, CartGuestTokens(carts))
        try:
            identity = await open_identity(db, settings)
            merges, history = MergeService(db, settings, carts), HistoryService(db, settings, carts)
            identity.login.merge = lambda user_id, token: merges.merge_at_login(MergeRequest(user_id, token))
            yield Services(
                settings=settings,
                clock=clock,
                metrics=metrics,
                db=db,
                inventory=inventory,
                places=PlacesService(db, inventory),
                catalogue=CatalogService(db, settings, CatalogueStock(inventory), CataloguePrices(prices, db)),
                browser=ProductBrowser(db, settings, CatalogueStock(inventory), CataloguePrices(prices, db)),
                prices=prices,
                carts=carts,
                cart_pricing=CartPricingService(db, settings, carts),
                displays=CartDisplays(db, settings, carts),
                price_statements=PriceStatements(db, carts, identity.statement_key),
                merges=merges,
                history=history,
                sharing=SharingService(db, settings, carts),
                **order_services(db, settings, checkouts, carts, providers, taker),
                identity=identity,
                accounts=identity.accounts,
                staff_accounts=identity.staff_accounts,
                people=identity.people,
                privacy=PrivacyService(db, identity.accounts, identity.people, history),
                **_checkout_services(db, settings, carts, checkouts),
                price_lists=PriceListService(db),
                taxes=TaxService(db, check_tax_rate),
                tax_ids=TaxIdService(db, register),
                price_history=PriceHistory(db),
                promotions=PromotionService(db, check_promotion, check_price_rule),
                coupons=CouponService(db),
                purses=PurseService(db),
                customer_prices=CustomerPriceService(db),
                shipping=ShippingService(db, check_shipping_method, known_zones),
                wishlists=wishlists,
                wishlist_sharing=WishlistSharing(db, settings),
                wishing=WishingService(db, carts, wishlists),
                notices=NoticeService(db, settings),
            )
        finally:
            for outside in (providers, checkouts.payments.providers, register, taker):
                if outside is not None:
                    await outside.close()
            await db.close()


def _checkout_services(
    db: Database, settings: Settings, carts: CartService, checkouts: CheckoutService
) -> dict[str, Any]:
    """Checkouts, and what else is done with them."""
    return {
        "checkouts": checkouts,
        "codes": CodeService(CartPricingService(db, settings, carts), checkouts),
        "drafts": DraftService(db),
        "payments": checkouts.payments,
        "buying": BuyNowService(carts, checkouts),
    }


@asynccontextmanager
async def database_address(settings: Settings) -> AsyncIterator[str]:
    """The URL of the shop's database; without one in the settings, that of the embedded server in `data_dir`.

    The embedded server is started if it does not run, and its tables are brought to this version then:
    nobody else can have done it. A database of somebody else's is migrated by `pannier migrate` only.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    held = lease(settings.data_dir)
    # Starting and stopping it takes seconds of waiting on files and processes.
    url = await asyncio.to_thread(held.__enter__)
    try:
        await migrate.upgrade(url, settings)
        yield url
    finally:
        await asyncio.to_thread(held.__exit__, None, None, None)


def background_jobs(services: Services) -> list[Job]:
    """What runs beside the requests for as long as the application does."""
    settings, metrics, carts, db = services.settings, services.metrics, services.carts, services.db
    history, mailer, notices = services.history, services.identity.mailer, services.notices
    refunds, handovers = services.refunds, services.handovers
    jobs = [
        Job("database watch", db.watch),
        periodic(
            "cart clean-up", settings.cart_cleanup_interval_hours * 3600, lambda: cart_jobs.clean_up(carts), metrics
        ),
        periodic("stock sweep", settings.stock_sweep_interval_s, lambda: sweep(db, is_alone=True), metrics),
        periodic("cart history", cart_jobs.HISTORY_INTERVAL_S, lambda: cart_jobs.keep_history(history), metrics),
        periodic(
            "completions",
            settings.completion_resume_interval_s,
            lambda: checkout_jobs.resume(services.checkouts),
            metrics,
        ),
        periodic(
            "checkout clean-up",
            checkout_jobs.EXPIRE_INTERVAL_S,
            lambda: checkout_jobs.expire(services.drafts),
            metrics,
        ),
        periodic(
            "prune", PRUNE_INTERVAL_S, lambda: prune(db, settings, services.payments, services.handovers), metrics
        ),
        periodic("search", catalogue_jobs.CATCH_UP_INTERVAL_S, lambda: catalogue_jobs.catch_up(db), metrics),
        periodic("gifts", GIFTS_INTERVAL_S, services.prices.look_at_gifts, metrics),
        periodic("cart idleness", cart_jobs.IDLE_INTERVAL_S, lambda: cart_jobs.notice_idle(carts), metrics),
        periodic("cart touch", cart_jobs.TOUCH_INTERVAL_S, lambda: cart_jobs.touch(carts), metrics),
        periodic("account clean-up", account_jobs.PRUNE_INTERVAL_S, lambda: account_jobs.prune(db), metrics),
        periodic("ended access", ENDED_INTERVAL_S, services.identity.ended.refresh, metrics),
        periodic("refunds", order_jobs.REFUND_INTERVAL_S, lambda: order_jobs.give_refunds(refunds), metrics),
        periodic("order service", HANDOVER_INTERVAL_S, lambda: order_jobs.hand_over(db, handovers), metrics),
        periodic("erasure", ERASE_INTERVAL_S, services.privacy.erase_due, metrics),
        periodic("wishes", wishlist_jobs.LOOK_INTERVAL_S, lambda: wishlist_jobs.look(notices), metrics),
        periodic("notice clean-up", wishlist_jobs.PRUNE_INTERVAL_S, lambda: wishlist_jobs.prune(notices), metrics),
    ]
    if mailer is not None:
        jobs.append(periodic("mails", account_jobs.MAIL_INTERVAL_S, mailer.send_due, metrics))
        port = services.identity.port
        jobs.append(
            periodic("notices", wishlist_jobs.MAIL_INTERVAL_S, lambda: wishlist_jobs.tell(notices, port), metrics)
        )
    return jobs


def readiness_checks(services: Services) -> Mapping[str, Check]:
    """What must be well for requests to be sent here; made once per start."""
    return {"database": connection_check(services.db), "migrations": SchemaCheck(services.db)}


def hot_routes() -> Sequence[HotRoute]:
    """The capabilities' hot routes."""
    return (*CART_ROUTES, *CHECKOUT_ROUTES)


def include_routers(app: FastAPI, pages: Pages) -> None:
    """The capabilities' FastAPI routers, under API_PREFIX, and the pages at the root."""
    app.router.routes.extend(_capability_routes())
    app.include_router(storefront_router(pages))


@cache
def _capability_routes() -> tuple[BaseRoute, ...]:
    """The same in every application of a process: they hold nothing of any, and a second to make is a second too long.

    FastAPI reads the signatures of a router's functions again for every application that includes it, and does so
    while the first request waits.
    """
    everything = APIRouter(dependencies=[Depends(once)])
    for router in (
        catalogue_router,
        admin_catalogue_router,
        inventory_router,
        places_router,
        admin_stock_router,
        checkout_router,
        codes_router,
        webhook_router,
        buying_router,
        wishlist_router,
        sharing_router,
        wishing_router,
        orders_router,
        admin_orders_router,
        after_router,
        # Before the others: they take any step of a return for theirs.
        admin_revising_router,
        admin_after_router,
        admin_listing_router,
        admin_handover_router,
        reordering_router,
        dues_router,
        documents_router,
        admin_documents_router,
        pricing_router,
        admin_price_list_router,
        admin_tax_router,
        admin_tax_id_router,
        tax_id_router,
        admin_shipping_router,
        admin_reports_router,
        promotions_router,
        coupons_router,
        purses_router,
        price_history_router,
        auth_router,
        me_router,
        privacy_router,
    ):
        everything.include_router(router, prefix=API_PREFIX)
    return tuple(everything.routes)
