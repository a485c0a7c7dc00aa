"""Tokens of outside issuers: the shapes that identity providers make, and those that attackers do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from pannier.platform.principal import Principal, PrincipalResolver
from pannier.platform.settings import Settings
from pannier.platform.tokens import keys as keys_module
from pannier.platform.tokens.configured import outside_issuers
from pannier.platform.tokens.keys import RemoteKeys, keys_of
from tests.support.issuers import AUDIENCE, ISSUER, JwksServer, SigningKey, claims, jwks_server

RSA = SigningKey("rsa-1")
EC = SigningKey("ec-1", "ES256")
ED = SigningKey("ed-1", "EdDSA")
OTHER = SigningKey("rsa-1")
SECRET = "a-secret-of-thirty-two-bytes-or-more"


def settings_of(**changes: Any) -> Settings:
    return Settings(database_url="postgresql://nobody@nowhere/none", **changes)


@asynccontextmanager
async def shop(**changes: Any) -> AsyncIterator[PrincipalResolver]:
    resolver = PrincipalResolver(
        admin_token=None, cookie_name="pannier_cart", issuers=outside_issuers(settings_of(**changes))
    )
    yield resolver
    await resolver.close()


@asynccontextmanager
async def shop_with_keys(*keys: SigningKey, **changes: Any) -> AsyncIterator[tuple[PrincipalResolver, JwksServer]]:
    with jwks_server(*keys) as server:
        named = {"jwt_issuer": ISSUER, "jwt_audience": (AUDIENCE,), "jwt_jwks_url": server.url, **changes}
        async with shop(**named) as resolver:
            yield resolver, server


async def who(resolver: PrincipalResolver, token: str) -> Principal:
    headers = {b"authorization": b"Bearer " + token.encode()}
    found = resolver.resolve(headers)
    return found if found is not None else (await resolver.ask(headers, "")).principal


def fault(principal: Principal) -> str:
    assert principal.user_id is None
    assert principal.roles == frozenset()
    assert principal.fault is not None
    return principal.fault.message


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=lambda key: key.algorithm)
async def test_a_token_signed_by_a_key_of_the_list_speaks_for_its_user(key: SigningKey) -> None:
    async with shop_with_keys(RSA, EC, ED) as (resolver, server):
        first = await who(resolver, key.sign(claims()))
        again = await who(resolver, key.sign(claims(sub="user-8")))
    assert (first.kind, first.user_id, set(first.roles)) == ("customer", "user-7", {"customer"})
    assert again.user_id == "user-8"
    assert server.requests == 1


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # Settings, claims, the role that comes of them.
    "clerk": (
        {
            "jwt_audience": (),
            "jwt_authorized_parties": ("https://shop.example.com",),
            "jwt_roles_claim": "metadata.role",
            "jwt_role_map": {"shop-staff": "staff"},
        },
        {
            "aud": None,
            "azp": "https://shop.example.com",
            "sub": "user_2abcDEF",
            "sid": "sess_2x",
            "fva": [1, -1],
            "metadata": {"role": "shop-staff"},
            "nbf": 1_700_000_000,
            "v": 2,
        },
        "staff",
    ),
    "auth0": (
        {"jwt_roles_claim": "https://shop.example.com/roles", "jwt_role_map": {"Shop Admin": "admin"}},
        {
            "sub": "auth0|507f1f77bcf86cd799439020",
            "aud": [AUDIENCE, "https://x.eu.auth0.com/userinfo"],
            "azp": "abc",
            "scope": "openid profile",
            "https://shop.example.com/roles": ["Shop Admin", "Reader"],
        },
        "admin",
    ),
    "keycloak": (
        {
            "jwt_audience": ("account",),
            "jwt_roles_claim": "realm_access.roles",
            "jwt_role_map": {"shop-staff": "staff"},
        },
        {
            "aud": "account",
            "typ": "Bearer",
            "azp": "shop-frontend",
            "sub": "f3b0c1de-1111-4222-8333-444455556666",
            "realm_access": {"roles": ["offline_access", "shop-staff"]},
            "preferred_username": "jane",
            "acr": "1",
        },
        "staff",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_tokens_of_known_providers_are_understood(shape: str) -> None:
    changes, payload, role = SHAPES[shape]
    async with shop_with_keys(RSA, **changes) as (resolver, _):
        found = await who(resolver, RSA.sign(claims(**payload)))
    assert (found.fault, found.kind, found.user_id) == (None, role, payload["sub"])


async def test_a_fastapi_users_token_is_understood() -> None:
    payload = {
        "sub": "9b2c1c9e-0000-4000-8000-000000000001",
        "aud": ["fastapi-users:auth"],
        "exp": int(time.time()) + 60,
    }
    async with shop(jwt_secret=SECRET, jwt_audience=("fastapi-users:auth",)) as resolver:
        found = await who(resolver, jwt.encode(payload, SECRET, algorithm="HS256"))
        other = await who(resolver, jwt.encode({**payload, "aud": ["fastapi-users:verify"]}, SECRET, algorithm="HS256"))
    assert (found.kind, found.user_id) == ("customer", payload["sub"])
    # Made by the same application with the same secret, for the link in a mail: no credential.
    assert "somebody else" in fault(other)


async def test_a_public_key_in_the_settings_is_enough() -> None:
    async with shop(jwt_issuer=ISSUER, jwt_audience=(AUDIENCE,), jwt_public_key=EC.pem) as resolver:
        assert (await who(resolver, EC.sign(claims()))).user_id == "user-7"
        assert fault(await who(resolver, RSA.sign(claims())))


async def test_roles_that_have_no_meaning_here_give_none() -> None:
    async with shop_with_keys(RSA, jwt_user_id_prefix="idp:") as (resolver, _):
        found = await who(resolver, RSA.sign(claims(roles=["admin", "staff", 7, None])))
    assert (found.kind, set(found.roles), found.user_id) == ("customer", {"customer"}, "idp:user-7")


# Made when they are needed: a run of tests may outlast a token.
NOT_TAKEN: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "wrong audience": (lambda: claims(aud="another-shop"), "somebody else"),
    "no audience": (lambda: claims(aud=None), "somebody else"),
    "wrong issuer": (lambda: claims(iss="https://id.example.org/"), "not known"),
    "no issuer": (lambda: claims(iss=None), "not known"),
    "expired": (lambda: claims(exp=int(time.time()) - 31), "expired"),
    "no expiry": (lambda: claims(exp=None), "no time of expiry"),
    "expiry that is no time": (lambda: claims(exp="tomorrow"), "no time of expiry"),
    "expiry beyond all time": (lambda: claims(exp=1e300), "no time of expiry"),
    "not yet valid": (lambda: claims(nbf=int(time.time()) + 300), "not valid yet"),
    "issued in the future": (lambda: claims(iat=int(time.time()) + 300), "not valid yet"),
    "no user": (lambda: claims(sub=None), "no user"),
    "a user of blanks": (lambda: claims(sub=""), "no user"),
    "a user of 256 characters": (lambda: claims(sub="x" * 256), "no user"),
    "a user with a NUL": (lambda: claims(sub="a\0b"), "no user"),
    "another application's": (lambda: claims(azp="https://evil.example.com"), "another application"),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
async def test_a_token_that_says_something_else_is_not_taken(name: str) -> None:
    payload, why = NOT_TAKEN[name]
    changes = {"jwt_authorized_parties": ("https://shop.example.com",)} if name == "another application's" else {}
    async with shop_with_keys(RSA, **changes) as (resolver, _):
        assert why in fault(await who(resolver, RSA.sign(payload())))


async def test_clocks_may_differ_by_the_leeway() -> None:
    async with shop_with_keys(RSA, jwt_leeway_s=60) as (resolver, _):
        found = await who(resolver, RSA.sign(claims(exp=int(time.time()) - 50, nbf=int(time.time()) + 50)))
    assert found.user_id == "user-7"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsigned(algorithm: str) -> str:
    return f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': 'rsa-1'})}.{_part(claims())}."


def _confused(secret: bytes) -> str:
    """Signed by HMAC, with what everybody can read as the secret."""
    head = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{_part(claims())}"
    signature = hmac.digest(secret, head.encode(), hashlib.sha256)
    return f"{head}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _altered() -> str:
    head, _, signature = RSA.sign(claims()).split(".")
    return f"{head}.{_part(claims(sub='somebody-else'))}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: _unsigned("none"),
    "alg None": lambda: _unsigned("None"),
    "alg nOnE": lambda: _unsigned("nOnE"),
    "alg empty": lambda: _unsigned(""),
    "no signature": lambda: RSA.sign(claims()).rpartition(".")[0] + ".",
    "the public key as secret": lambda: _confused(RSA.pem.encode()),
    "the public key's JWK as secret": lambda: _confused(json.dumps(RSA.jwk).encode()),
    "an empty secret": lambda: _confused(b""),
    "altered": _altered,
    "another key of the same name": lambda: OTHER.sign(claims()),
    "a key of its own in jwk": lambda: OTHER.sign(claims(), jwk=OTHER.jwk),
    "an ES256 token by the name of an RSA key": lambda: SigningKey("rsa-1", "ES256").sign(claims()),
    "a kid with a path": lambda: OTHER.sign(claims(), kid="../../../../dev/null"),
    "a kid with SQL": lambda: OTHER.sign(claims(), kid="x' union select 'key"),
    "a kid of 10,000 characters": lambda: OTHER.sign(claims(), kid="k" * 5000),
    "a critical header": lambda: RSA.sign(claims(), crit=["exp-in-words"], **{"exp-in-words": "never"}),
    "8,193 characters": lambda: RSA.sign(claims(filler="x" * 7000)),
    "nested": lambda: f"{_part({'alg': 'RS256'})}.{base64.urlsafe_b64encode(b'[' * 3000).decode().rstrip('=')}.c2ln",
    "no JSON": lambda: "eyJ.eyJ.eyJ",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_not_taken(name: str) -> None:
    async with shop_with_keys(RSA) as (resolver, server):
        await who(resolver, RSA.sign(claims()))
        before = server.requests
        assert fault(await who(resolver, FORGED[name]()))
        assert server.requests - before <= 1


@pytest.mark.parametrize("header", ["jku", "x5u"])
async def test_keys_are_not_fetched_from_where_the_token_says(header: str) -> None:
    with jwks_server(OTHER) as attackers:
        async with shop_with_keys(RSA) as (resolver, _):
            found = await who(resolver, OTHER.sign(claims(), **{header: attackers.url}))
    assert fault(found)
    assert attackers.requests == 0


async def test_a_secret_in_the_list_of_public_keys_verifies_nothing() -> None:
    secret = {"kty": "oct", "kid": "oct-1", "k": _part({"a": 1}), "alg": "HS256"}
    with pytest.raises(ValueError, match="no usable key"):
        keys_of(json.dumps({"keys": [secret]}).encode())
    with pytest.raises(ValueError, match="no usable key"):
        keys_of(json.dumps({"keys": [{**RSA.jwk, "use": "enc"}]}).encode())


@pytest.mark.parametrize("alg", [[], {}, 7, ["RS256"]])
async def test_an_entry_that_makes_no_sense_spoils_no_other(alg: Any) -> None:
    entries = [{**RSA.jwk, "kid": "odd", "alg": alg}, RSA.jwk]
    assert [key.id for key in keys_of(json.dumps({"keys": entries}).encode())] == [RSA.kid]


async def test_a_user_s_id_may_be_a_number() -> None:
    async with shop_with_keys(RSA) as (resolver, _):
        assert (await who(resolver, RSA.sign(claims(sub=12)))).user_id == "12"
        assert fault(await who(resolver, RSA.sign(claims(sub=True))))


async def test_a_new_key_is_fetched_once_and_an_old_one_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    new = SigningKey("rsa-2")
    moment = [1000.0]
    with jwks_server(RSA) as server:
        issuer = outside_issuers(settings_of(jwt_issuer=ISSUER, jwt_audience=(AUDIENCE,), jwt_jwks_url=server.url))[0]
        issuer._keys = RemoteKeys(server.url, monotonic=lambda: moment[0])
        resolver = PrincipalResolver(admin_token=None, cookie_name="c", issuers=[issuer])
        old_token = RSA.sign(claims())
        assert (await who(resolver, old_token)).user_id == "user-7"
        server.keys = [new.jwk]
        moment[0] += keys_module.ATTEMPT_INTERVAL_S + 1

        found = await asyncio.gather(*(who(resolver, new.sign(claims(sub=f"u{n}"))) for n in range(50)))

        assert {principal.user_id for principal in found} == {f"u{n}" for n in range(50)}
        assert server.requests == 2
        # A token that was known to be good is looked at again: its key was taken back.
        assert fault(await who(resolver, old_token))
        await resolver.close()


async def test_unknown_keys_do_not_make_a_storm_of_requests() -> None:
    async with shop_with_keys(RSA) as (resolver, server):
        await who(resolver, RSA.sign(claims()))
        for number in range(30):
            assert fault(await who(resolver, OTHER.sign(claims(), kid=f"made-up-{number}")))
        assert server.requests <= 2


@pytest.mark.parametrize(
    "status, body", [(500, b"{}"), (302, b""), (200, b"<html>"), (200, b'{"keys":[]}'), (200, b"x" * 300_000)]
)
async def test_known_keys_are_used_while_the_issuer_is_down(status: int, body: bytes) -> None:
    moment = [1000.0]
    with jwks_server(RSA) as server:
        issuer = outside_issuers(settings_of(jwt_issuer=ISSUER, jwt_audience=(AUDIENCE,), jwt_jwks_url=server.url))[0]
        issuer._keys = RemoteKeys(server.url, monotonic=lambda: moment[0])
        resolver = PrincipalResolver(admin_token=None, cookie_name="c", issuers=[issuer])
        assert (await who(resolver, RSA.sign(claims()))).user_id == "user-7"
        server.status, server.body = status, body
        moment[0] += 10 * keys_module.REFRESH_S

        found = await who(resolver, RSA.sign(claims(sub="user-9")))
        await issuer.refresh()

        assert found.user_id == "user-9"
        assert (await who(resolver, RSA.sign(claims(sub="user-10")))).user_id == "user-10"
        assert server.requests == 2
        await resolver.close()


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"jwt_jwks_url": "https://id.example.com/jwks"}, "PANNIER_JWT_ISSUER"),
        ({"jwt_issuer": ISSUER}, "JWKS_URL"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "http://id.example.com/jwks"}, "https"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "file:///etc/passwd"}, "https"),
        ({"jwt_secret": "short"}, "32"),
        ({"jwt_secret": SECRET, "jwt_algorithms": ("RS256",)}, "shared secret"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "https://a.example/j", "jwt_algorithms": ("HS256",)}, "public keys"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "https://a.example/j", "jwt_algorithms": ("none",)}, "public keys"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "https://a.example/j", "jwt_secret": SECRET}, "one of them"),
        ({"jwt_issuer": ISSUER, "jwt_public_key": "-----BEGIN PRIVATE KEY-----"}, "public key"),
        ({"jwt_secret": SECRET, "jwt_role_map": {"boss": "emperor"}}, "customer"),
        ({"jwt_issuer": ISSUER, "jwt_jwks_url": "https://a.example/j"}, "PANNIER_JWT_AUDIENCE or PANNIER_JWT_AUTH"),
        ({"jwt_issuer": ISSUER, "jwt_public_key": EC.pem}, "PANNIER_JWT_ACCEPT_ANY_AUDIENCE=true"),
        ({"jwt_secret": SECRET}, "any other application"),
        ({"jwt_issuers": [{"issuer": ISSUER, "jwks_url": "https://a.example/j"}]}, "audience"),
        ({"jwt_issuers": [{"issuer": ISSUER, "audience": ["a"], "jwks_url": "http://a.example/j"}]}, "https"),
        ({"jwt_issuers": [{"issuer": ISSUER, "audience": ["a"], "secret": "short"}]}, "32"),
        ({"jwt_issuers": [{"issuer": ISSUER, "audiences": ["a"], "secret": SECRET}]}, "audiences"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        settings_of(**changes)
