"""Telling customers what came back or became cheaper: found and noted in one transaction, mailed after it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pannier.accounts import MailNotSentError, MailPort, base_url, email_of
from pannier.kernel.ids import hash_token, is_link_token, new_link_token
from pannier.wishlist import notice_repository, repository
from pannier.wishlist.basis import Act, Done, Open, WishlistBasis
from pannier.wishlist.letters import News, letter_of
from pannier.wishlist.models import By, Notice, Owner, Shelf

if TYPE_CHECKING:
    from pannier.platform.database import Connection

BATCH = 200
ATTEMPTS_MAX = 8
#: For so long a mail is nobody else's while it is handed over.
_HANDING_OVER = timedelta(minutes=5)
_KEEP, _KEEP_LINKS = timedelta(days=30), timedelta(days=400)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Decided:
    """What goes out to whom; the link's token is stored as a digest only."""

    to: str
    news: Sequence[News]
    token: str


class NoticeService(WishlistBasis):
    """Finds news, and sends them where there is a way to; two processes at it tell nobody twice."""

    async def look(self, batch: int = BATCH) -> int:
        """Note what came back or became cheaper since the last look, batch by batch; answers how much was looked at.

        Another process that is at it already does the rest.
        """
        total = 0
        while done := await self.db.write(
            lambda connection: notice_repository.look(connection, self.place, batch), self.db.job_patience_s
        ):
            total += done
        return total

    async def send_due(self, port: MailPort) -> int:
        """Send what is due, one mail for all the news of a customer; answers how many mails went out."""
        sent = 0
        while notices := await self.db.write(lambda c: notice_repository.claim(c, self.place.now)):
            sent += await self._send(port, notices)
        return sent

    async def prune(self) -> None:
        """Delete notices and links of long ago."""
        await self.db.write(
            lambda c: notice_repository.prune(c, self.place.now, _KEEP, _KEEP_LINKS), self.db.job_patience_s
        )

    async def unsubscribe(self, token: str, *, is_everything: bool = True) -> bool:
        """End the notices of a link's customer, or those of its items alone; False for a link that is none.

        It takes no more than the link, and following it twice ends nothing more.
        """
        found = await self.linked(token)
        if found is None:
            return False
        user_id, item_ids = found
        owner = Owner(user_id)
        for each in await self.lists(owner):
            await self.change(owner, each.id, By(user_id), self._ending(None if is_everything else item_ids))
        return True

    async def linked(self, token: str) -> tuple[str, list[uuid.UUID]] | None:
        """Whose notices a link ends and of which items; None for one that is not good."""
        if not is_link_token(token):
            return None
        async with self.db.read() as connection:
            return await notice_repository.link(connection, hash_token(token))

    def _ending(self, item_ids: Sequence[uuid.UUID] | None) -> Act:
        async def act(opened: Open) -> Done:
            ended = [
                item.id
                for item in opened.items
                if (item.stock_wanted_at or item.price_wanted_at) and (item_ids is None or item.id in item_ids)
            ]
            for item_id in ended:
                await repository.switch(opened.connection, self.place, item_id, False, False)
            return ("wishlist.unsubscribed", {"item_ids": [str(i) for i in ended]}) if ended else None

        return act

    async def _send(self, port: MailPort, notices: Sequence[Notice]) -> bool:
        now = self.place.now
        decided = await self.db.write(lambda connection: self._decide(connection, notices, now))
        if decided is None:
            return False
        told = [each.notice.id for each in decided.news]
        dropped = None
        try:
            await port.send(
                letter_of(
                    decided.to,
                    decided.news,
                    shop=self.settings.shop_name,
                    base_url=base_url(self.settings),
                    token=decided.token,
                )
            )
        except MailNotSentError as failure:
            _logger.warning("notices of wishlists (%d) were not taken: %s", len(told), failure)
            kept = [each.notice for each in decided.news if each.notice.attempts < ATTEMPTS_MAX]
            due_at = self.place.now + timedelta(seconds=min(3600, 15 * 2 ** (notices[0].attempts - 1)))
            await self.db.write(lambda c: notice_repository.hold(c, kept, due_at))
            told = [notice_id for notice_id in told if notice_id not in {notice.id for notice in kept}]
            dropped = "given_up"
        await self.db.write(lambda c: notice_repository.close(c, told, now, dropped))
        return dropped is None

    async def _decide(self, connection: Connection, notices: Sequence[Notice], now: datetime) -> _Decided | None:
        """What is still worth telling; the rest is closed. None when that is nothing, or somebody else's by now."""
        held = await notice_repository.hold(connection, notices, now + _HANDING_OVER)
        if not held:
            return None
        user_id = held[0].user_id
        wanted = await notice_repository.wanted(connection, self.place, held)
        news = [News(notice, wanted[notice.id]) for notice in held if _is_true(notice, wanted.get(notice.id))]
        to = await email_of(connection, user_id)
        for reason, closed in (
            ("not_wanted", [notice.id for notice in held if notice.id not in wanted]),
            ("gone", [notice.id for notice in held if not _is_true(notice, wanted.get(notice.id))]),
            ("no_address", [each.notice.id for each in news] if to is None else []),
        ):
            await notice_repository.close(connection, closed, now, reason)
        if to is None or not news:
            return None
        token = new_link_token()
        items = [each.notice.item_id for each in news]
        await notice_repository.insert_link(connection, hash_token(token), user_id, items, now)
        return _Decided(to, news, token)


def _is_true(notice: Notice, shelf: Shelf | None) -> bool:
    """Whether what a notice says still holds."""
    if shelf is None or not shelf.is_for_sale or shelf.available == 0 or shelf.price_minor is None:
        return False
    return notice.kind == "back_in_stock" or notice.price_minor is None or shelf.price_minor <= notice.price_minor
