"""An order that has something due, and whoever pays it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from pannier.checkout.dues import DueService
from pannier.checkout.revising import Edit
from pannier.kernel.clock import ManualClock
from pannier.orders import (
    Order,
    RefundService,
    ThroughPayments,
)
from pannier.platform.database import Database
from pannier.platform.idempotency import Key, key_of
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.checkout.test_payment import charged, ready, shop_of
from tests.checkout.test_payment_meanwhile import gateway_of
from tests.support.catalogue import make_product
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop


@dataclass
class Owing:
    """Two units at 1000, paid by card; a lamp of 700 was added then, and is due."""

    shop: Shop
    shopper: Principal
    number: str
    dues: DueService
    lamp: uuid.UUID

    async def order(self) -> Order:
        return await self.shop.orders.get(STAFF, self.number)

    async def edit(self, edit: Edit) -> None:
        refunds = RefundService(self.shop.db, ThroughPayments(self.shop.checkouts.payments))
        await reviser_of(self.shop, refunds).edit(STAFF, self.number, edit)

    async def pay(self, token: str | None = "tok_succeeds", key: str | None = None, **how: Any) -> dict[str, Any]:
        answer = await self.dues.pay(self.shopper, self.number, payment_token=token, key=self.key(key), **how)
        document: dict[str, Any] = json_of(answer.body)
        return document

    def key(self, key: str | None) -> Key | None:
        return key_of(self.shopper, key, method="POST", target=f"/orders/{self.number}/payments")

    async def offer(self) -> dict[str, Any]:
        return await self.dues.offer(self.shopper, self.number)

    async def resume(self, clock: ManualClock, times: int = 3) -> None:
        """The job looks, as often as it takes."""
        for _ in range(times):
            clock.advance(timedelta(minutes=6))
            await self.shop.checkouts.completion.resume()

    async def money(self) -> tuple[str, int, int, int]:
        """(payment_status, captured, refunded) by the order's books, and what the gateway holds."""
        order = await self.order()
        return order.payment_status, order.captured_minor, order.refunded_minor, await charged(self.shop.db)


def json_of(body: bytes) -> Any:
    return msgspec.json.decode(body)


async def owing(db: Database, settings: Settings, method: str = "test", **changes: Any) -> Owing:
    shop = shop_of(db, settings, **changes)
    _, shopper, session = await ready(shop)
    token = "tok_succeeds" if method == "test" else None
    done = await shop.checkouts.complete(shopper, session.id, payment_method=method, payment_token=token)
    assert done.order_number is not None
    lamp = await make_product(db, on_hand=5, price_minor=700)
    checkouts = shop.checkouts
    dues = DueService(db, shop.settings, shop.orders, checkouts.payments, checkouts.completion)
    found = Owing(shop, shopper, done.order_number, dues, lamp)
    await found.edit(Edit(added=[(lamp, 1)]))
    return found


async def pay_on_page(order: Owing, choice: str = "pay") -> None:
    async with order.shop.db.read() as connection:
        reference = await connection.fetchval(
            "select id from test_gateway_payment where state = 'challenged' order by created_at desc limit 1"
        )
    await gateway_of(order.shop).choose(reference, choice)
