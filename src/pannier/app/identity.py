"""Who is who in one shop: its key, its accounts, what a login does to the guest's cart, where mails go."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from pannier.accounts import (
    Account,
    AccountService,
    EndedSessions,
    FolderMail,
    Mailer,
    MailPort,
    NoMail,
    PeopleService,
    SmtpMail,
    StaffAccounts,
    signing_key,
)
from pannier.cart import exchange_token as exchange_cart_token
from pannier.kernel.ids import new_cart_token, secret_bytes
from pannier.orders import adopt, exchange_order_token
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from pannier.platform.tokens.ended import EndedAccess
from pannier.platform.tokens.own import OwnTokens
from pannier.wishlist import By, Place
from pannier.wishlist import adopt as adopt_wishlists

_logger = logging.getLogger(__name__)

#: What becomes of a guest's cart when its owner signs in: of the customer's id and the guest's token from then on.
CartHandover = Callable[[str, str], Awaitable[object]]


@dataclass
class Login:
    """What a right password sets going beside the session.

    The guest's cart and orders get a token that nobody has seen; orders with the customer's own e-mail address
    become the customer's, and so do wishlists. `merge`, where there is one, is then given the cart: without it the
    cart stays as it is.
    """

    db: Database
    settings: Settings
    merge: CartHandover | None = field(default=None)

    async def __call__(self, account: Account, guest_token: str | None, /) -> str | None:
        if guest_token is None:
            return None
        new_token = new_cart_token()

        async def command(connection: Connection) -> None:
            await exchange_cart_token(connection, guest_token, new_token)
            await exchange_order_token(connection, guest_token, new_token)
            if account.email is not None:
                await adopt(connection, new_token, account.user_id, account.email)
            place, by = Place(self.db, self.settings.currency, self.settings.channel), By(account.user_id)
            await adopt_wishlists(connection, place, guest_token, account.user_id, self.settings.wishlist_max, by)

        await self.db.write(command)
        if self.merge is not None:
            await self.merge(account.user_id, new_token)
        return new_token


@dataclass(frozen=True, slots=True)
class Identity:
    """The services of accounts."""

    tokens: OwnTokens
    accounts: AccountService
    staff_accounts: StaffAccounts
    people: PeopleService
    mailer: Mailer | None
    login: Login
    ended: EndedSessions
    port: MailPort
    #: Signs statements of prices; made from the shop's key, so it changes with that.
    statement_key: bytes


async def open_identity(db: Database, settings: Settings) -> Identity:
    """Build them on a database that has its tables."""
    key, audience = await _signing_key(db, settings), f"pannier:{settings.database_schema}"
    tokens = OwnTokens(key, audience=audience, access_ttl_s=settings.access_token_ttl_s)
    ended = EndedSessions(db, EndedAccess())
    # Before anybody is let in; without tables nobody was ever signed out.
    with contextlib.suppress(asyncpg.UndefinedTableError):
        await ended.refresh()
    login = Login(db, settings)
    port = mail_port(settings, db)
    return Identity(
        tokens,
        AccountService(db, settings, tokens, on_login=login, ended=ended),
        StaffAccounts(db, settings, tokens, ended=ended),
        PeopleService(db, settings),
        None if isinstance(port, NoMail) else Mailer(db, settings, port),
        login,
        ended,
        port,
        hmac.digest(key, b"pannier price statement", hashlib.sha256),
    )


async def _signing_key(db: Database, settings: Settings) -> bytes:
    if settings.session_secret is not None:
        return settings.session_secret.get_secret_value().encode()
    try:
        return await db.write(lambda connection: signing_key(connection, db.clock.now()))
    except asyncpg.UndefinedTableError:
        # `/health/ready` tells what is missing. Until then nobody can sign in, and no token is good.
        _logger.warning("the database has no tables of this version yet: run `pannier migrate`, then start again")
        return secret_bytes(32)


def mail_port(settings: Settings, db: Database) -> MailPort:
    """Where mails go: to the server of the settings, else, for the embedded shop alone, into a folder."""
    if settings.smtp_url is not None:
        return SmtpMail(settings.smtp_url.get_secret_value(), settings.mail_from, db.clock)
    if settings.mail_dir is not None:
        return FolderMail(settings.mail_dir, settings.mail_from, db.clock)
    if settings.database_url is None:
        return FolderMail(settings.data_dir / "mails", settings.mail_from, db.clock)
    return NoMail()
