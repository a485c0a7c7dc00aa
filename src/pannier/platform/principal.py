"""Who asks: resolved once per request from headers alone, without the database.

A cart token only says which cart is meant; whether that cart exists is the cart's own question. The
staff token is compared in constant time, and with none configured the same comparison is made
against a value nobody has, so an answer tells nothing about its existence.

Somebody with an account shows a token that is verified here and now. Twice it takes longer, see `ask`: when the
short-lived token of a browser has to be made anew from its session, and when an outside issuer's key is not known yet.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from starlette.requests import HTTPConnection

from pannier.kernel.clock import Clock, SystemClock
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.ids import hash_token, is_cart_token, new_cart_token
from pannier.platform.tokens.claims import Claims, InvalidTokenError, is_jwt, peek, refuse
from pannier.platform.tokens.ended import EndedAccess
from pannier.platform.tokens.issuer import OutsideIssuer
from pannier.platform.tokens.own import ISSUER, OwnTokens

Kind = Literal["anonymous", "guest", "customer", "staff", "admin"]
Role = Literal["guest", "customer", "staff", "admin"]
TokenSource = Literal["none", "cookie", "bearer"]
Credential = Literal["none", "cart", "cookie", "token", "staff"]

DEVICE_LENGTH_MAX = 200

# A role includes those to its right.
_ROLES: Mapping[Kind, frozenset[Role]] = {
    "anonymous": frozenset(),
    "guest": frozenset({"guest"}),
    "customer": frozenset({"customer"}),
    "staff": frozenset({"staff"}),
    "admin": frozenset({"admin", "staff"}),
}
# Who has an account shops like anybody else.
_ACCOUNT_ROLES: Mapping[Kind, frozenset[Role]] = {
    "customer": frozenset({"customer"}),
    "staff": frozenset({"staff", "customer"}),
    "admin": frozenset({"admin", "staff", "customer"}),
}


class LoginRequiredError(PannierError):
    """This needs somebody who is known: send `Authorization: Bearer` with a valid credential."""

    kind = ErrorKind.unauthenticated
    error = "LOGIN_REQUIRED"
    code = "AUTH_001"
    title = "Please sign in"


class ForbiddenError(PannierError):
    """The credential is good, but its roles do not include the one that is needed (`details.role`)."""

    kind = ErrorKind.forbidden
    error = "FORBIDDEN"
    code = "AUTH_002"
    title = "Not allowed"


class Principal(msgspec.Struct, frozen=True):
    """Who asks. `cart_token` is well-formed, not known to exist; `device` is what the client calls itself.

    Whoever has a `user_id` acts as that user alone: the cart cookie that the browser brings beside it is only told
    as `guest_token`, for what a guest's cart becomes at login. `fault` is what was wrong with the credential.
    """

    kind: Kind = "anonymous"
    roles: frozenset[Role] = frozenset()
    user_id: str | None = None
    cart_token: str | None = None
    token_source: TokenSource = "none"  # noqa: S105 - says where the token came from, is none
    device: str | None = None
    credential: Credential = "none"
    session_id: str | None = None
    guest_token: str | None = None
    fault: InvalidTokenError | None = None

    @property
    def is_questionable(self) -> bool:
        """Whether the edge looks twice: a credential that is not good, or one that browsers send unasked."""
        return self.fault is not None or self.credential == "cookie"

    def require(self, role: Role) -> None:
        """Raise LoginRequiredError or ForbiddenError unless the role is held."""
        if role in self.roles:
            return
        if self.kind in {"anonymous", "guest"}:
            raise LoginRequiredError(
                f"This needs the role {role}. Send its credential as 'Authorization: Bearer ...'.",
                headers={"WWW-Authenticate": 'Bearer realm="pannier"'},
            )
        raise ForbiddenError(f"This needs the role {role}.", details={"role": role})


class Renewal(msgspec.Struct, frozen=True):
    """A browser's session that still stands: a new access token for it, and how long the session lasts from now."""

    access_token: str
    session_ttl_s: int


class Renewer(Protocol):
    """Looks a browser's session up; None when it is over."""

    async def __call__(self, session_token: str, /) -> Renewal | None: ...


class Asked(msgspec.Struct, frozen=True):
    """Who asks, and the cookies of the answer that go with it."""

    principal: Principal
    cookies: Sequence[str] = ()


class PrincipalResolver:
    """Reads a principal from request headers, given as `{lower-case name: value}` in bytes."""

    def __init__(
        self,
        *,
        admin_token: str | None,
        cookie_name: str,
        account_cookie: str = "pannier_account",
        is_secure: bool = False,
        issuers: Sequence[OutsideIssuer] = (),
        clock: Clock | None = None,
    ) -> None:
        self._admin_digest = hash_token(admin_token or new_cart_token())
        self._has_admin = bool(admin_token)
        self._cookie_name = cookie_name.encode()
        self._session_name = account_cookie
        self._access_name = access_cookie_name(account_cookie)
        self._account_prefix = account_cookie.encode()
        self._is_secure = is_secure
        self._issuers = issuers
        self._clock = clock or SystemClock()
        #: The shop's own tokens and sessions; None until its key is known, and nobody is signed in then.
        self.tokens: OwnTokens | None = None
        self.renew: Renewer | None = None
        #: Whose tokens are not taken although they are good.
        self.ended = EndedAccess()

    def resolve(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Who asks; None when that takes asking somebody, see `ask`.

        A bearer credential is taken before the cookie; one that is not known makes the request anonymous.
        It does not fall back to the cookie then: who names a credential must not act as somebody else.
        Other schemes, such as the Basic of a proxy in front, are not ours and are passed over.
        """
        device = _device(headers)
        authorization = headers.get(b"authorization")
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            return self._by_bearer(authorization[7:].strip().decode("utf-8", "replace"), device)
        cookie = headers.get(b"cookie")
        if cookie is None:
            return Principal(device=device)
        if self._account_prefix in cookie and self.tokens is not None:
            jar = _jar(cookie)
            access = jar.get(self._access_name)
            if access is not None:
                try:
                    claims = self._standing(self.tokens.verify_access(access, self._clock.now()))
                except InvalidTokenError:
                    pass
                else:
                    return self._known(claims, "cookie", device, self._token_in(cookie))
            if self._session_name in jar:
                return None
        return self._guest(cookie, device)

    async def ask(self, headers: Mapping[bytes, bytes], root_path: str) -> Asked:
        """Who asks, where `resolve` could not tell: by the session's own row, or a key that is fetched first."""
        device = _device(headers)
        authorization = headers.get(b"authorization")
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            credential = authorization[7:].strip().decode("utf-8", "replace")
            for issuer in self._issuers_of(credential):
                await issuer.refresh()
            found = self._by_bearer(credential, device)
            return Asked(found or Principal(device=device, fault=refuse("The token's key is not known.")))
        cookie = headers.get(b"cookie", b"")
        assert self.tokens is not None
        session = _jar(cookie)[self._session_name]
        renewal = None if self.renew is None else await self.renew(session)
        claims = None if renewal is None else self.tokens.verify_access(renewal.access_token, self._clock.now())
        if renewal is None or claims is None or self.ended.covers(claims, self._clock.now()):
            return Asked(self._guest(cookie, device), self._cookies("", "", 0, root_path))
        fresh = self._cookies(session, renewal.access_token, renewal.session_ttl_s, root_path)
        return Asked(self._known(claims, "cookie", device, self._token_in(cookie)), fresh)

    async def close(self) -> None:
        """Give up the connections to outside issuers, until they are needed again."""
        for issuer in self._issuers:
            await issuer.close()

    def _cookies(self, session: str, access: str, session_ttl_s: int, root_path: str) -> list[str]:
        access_ttl_s = 0 if self.tokens is None else int(self.tokens.access_ttl_s)
        return account_cookies(
            self._session_name,
            (session, session_ttl_s),
            (access, min(session_ttl_s, access_ttl_s)),
            secure=self._is_secure,
            root_path=root_path,
        )

    def _guest(self, cookie: bytes, device: str | None) -> Principal:
        token = self._token_in(cookie)
        if token is None:
            return Principal(device=device)
        return Principal("guest", _ROLES["guest"], None, token, "cookie", device, "cart")

    def _by_bearer(self, credential: str, device: str | None) -> Principal | None:
        if is_cart_token(credential):
            return Principal("guest", _ROLES["guest"], None, credential, "bearer", device, "cart")
        if hmac.compare_digest(hash_token(credential), self._admin_digest) and self._has_admin:
            return Principal("admin", _ROLES["admin"], None, None, "none", device, "staff")
        if not is_jwt(credential):
            return Principal(device=device)
        try:
            claims = self._claims_of(credential)
            if claims is not None:
                self._standing(claims)
        except InvalidTokenError as fault:
            return Principal(device=device, fault=fault)
        return None if claims is None else self._known(claims, "token", device, None)

    def _standing(self, claims: Claims) -> Claims:
        """The claims again. Raises InvalidTokenError where the access was ended meanwhile."""
        if self.ended.covers(claims, self._clock.now()):
            raise refuse("The session was ended.")
        return claims

    def _claims_of(self, token: str) -> Claims | None:
        header, payload = peek(token)
        if payload.get("iss") == ISSUER:
            if self.tokens is None:
                raise refuse("The token is not one of ours.")
            return self.tokens.verify_access(token, self._clock.now())
        for issuer in self._issuers:
            if issuer.is_for(payload):
                return issuer.verify(token, header, self._clock.now())
        raise refuse("The token's issuer is not known here.")

    def _issuers_of(self, token: str) -> list[OutsideIssuer]:
        _, payload = peek(token)
        return [issuer for issuer in self._issuers if issuer.is_for(payload)][:1]

    def _known(self, claims: Claims, how: Credential, device: str | None, guest_token: str | None) -> Principal:
        return Principal(
            claims.role,
            _ACCOUNT_ROLES[claims.role],
            claims.user_id,
            device=device,
            credential=how,
            session_id=claims.session_id,
            guest_token=guest_token,
        )

    def _token_in(self, cookie: bytes) -> str | None:
        for part in cookie.split(b";"):
            name, _, value = part.strip().partition(b"=")
            if name == self._cookie_name:
                token = value.decode("latin-1")
                if is_cart_token(token):
                    return token
        return None


def account_cookies(
    name: str, session: tuple[str, int], access: tuple[str, int], *, secure: bool, root_path: str
) -> list[str]:
    """The `Set-Cookie` values of a browser that is signed in: each a token and its age in seconds, 0 to delete it."""
    return [
        cart_cookie(cookie, token, max_age_s=age_s, secure=secure, root_path=root_path)
        for cookie, (token, age_s) in ((name, session), (access_cookie_name(name), access))
    ]


def session_cookie(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """The session token that a browser brings."""
    return _jar(headers.get(b"cookie", b"")).get(name)


def access_cookie_name(account_cookie: str) -> str:
    """The name of the cookie that holds a browser's short-lived token."""
    return f"{account_cookie}_access"


def _jar(cookie: bytes) -> dict[str, str]:
    """The cookies by name; the first of a name, which is that of the longest path."""
    jar: dict[str, str] = {}
    for part in cookie.split(b";"):
        name, _, value = part.strip().partition(b"=")
        jar.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return jar


def _device(headers: Mapping[bytes, bytes]) -> str | None:
    """The client's own name for the device, else its user agent; shortened, for the history of a cart."""
    named = headers.get(b"x-device-id") or headers.get(b"user-agent")
    return named[:DEVICE_LENGTH_MAX].decode("latin-1") if named else None


def cart_cookie(name: str, token: str, *, max_age_s: int | None, secure: bool, root_path: str) -> str:
    """The `Set-Cookie` value that carries a cart token, bound to the path this shop is mounted at.

    `max_age_s=None` lasts for the browser's session, 0 deletes the cookie.
    """
    age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
    return f"{name}={token}{age}; Path={root_path or '/'}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


async def principal_of(connection: HTTPConnection) -> Principal:
    """A FastAPI dependency: `Annotated[Principal, Depends(principal_of)]`.

    Asynchronous, as FastAPI would send a plain function to a thread.
    """
    principal: Principal = connection.scope["pannier"].principal
    return principal


def require_role(role: Role) -> Callable[[HTTPConnection], Awaitable[Principal]]:
    """A FastAPI dependency that admits only this role: `Depends(require_role("staff"))`."""

    async def required(connection: HTTPConnection) -> Principal:
        principal = await principal_of(connection)
        principal.require(role)
        return principal

    return required


async def require_user(connection: HTTPConnection) -> Principal:
    """A FastAPI dependency that admits only somebody with an account, whoever vouches for it."""
    principal = await principal_of(connection)
    if principal.user_id is None:
        raise LoginRequiredError(
            "This belongs to an account: sign in, or send its access token as 'Authorization: Bearer ...'.",
            headers={"WWW-Authenticate": 'Bearer realm="pannier"'},
        )
    return principal
