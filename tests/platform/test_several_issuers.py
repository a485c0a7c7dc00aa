"""Several outside issuers at once: each token is judged by the rules of the one it names, and by no other's keys."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pannier.platform.principal import PrincipalResolver
from pannier.platform.tokens import keys as keys_module
from pannier.platform.tokens.configured import outside_issuers
from pannier.platform.tokens.keys import RemoteKeys
from tests.platform.test_outside_issuers import SECRET, fault, settings_of, shop, shop_with_keys, who
from tests.support.issuers import JwksServer, SigningKey, claims, jwks_server

RSA = SigningKey("rsa-1")
EC = SigningKey("ec-1", "ES256")
CLERK, HOUSE = "https://the-shop.clerk.accounts.dev", "https://staff.example.com/"


def two_issuers(clerk: JwksServer, house: JwksServer, **changes: Any) -> dict[str, Any]:
    """Clerk for the customers, by the settings of the single one, and the house's own for its staff."""
    theirs = {
        "issuer": HOUSE,
        "audience": ["pannier"],
        "jwks_url": house.url,
        "user_id_prefix": "house:",
        "role_map": {"clerk": "staff"},
    }
    return {
        "jwt_issuer": CLERK,
        "jwt_authorized_parties": ("https://shop.example.com",),
        "jwt_jwks_url": clerk.url,
        "jwt_issuers": [{**theirs, **changes}],
    }


async def test_several_issuers_are_told_apart_each_with_its_own_rules() -> None:
    with jwks_server(RSA) as clerk, jwks_server(EC) as house:
        async with shop(**two_issuers(clerk, house)) as resolver:
            azp = {"azp": "https://shop.example.com", "aud": None, "iss": CLERK}
            customer = await who(resolver, RSA.sign(claims(**azp, roles=["clerk"])))
            clerk_of_ours = await who(resolver, EC.sign(claims(iss=HOUSE, aud="pannier", roles=["clerk"])))
            forged = [
                # The other one's key, and what only the other one may say.
                EC.sign(claims(**azp)),
                RSA.sign(claims(iss=HOUSE, aud="pannier")),
                RSA.sign(claims(**{**azp, "azp": "https://elsewhere.example.com"})),
                EC.sign(claims(iss=HOUSE, aud="another-shop")),
                EC.sign(claims(iss="https://third.example.com/", aud="pannier")),
                RSA.sign(claims(**azp, sub="house:user-7")),
            ]
            told = [fault(await who(resolver, token)) for token in forged]
    assert (customer.kind, customer.user_id) == ("customer", "user-7")
    assert (clerk_of_ours.kind, clerk_of_ours.user_id) == ("staff", "house:user-7")
    assert [word for word in told[-2:] if "not known" in word or "another issuer" in word] == told[-2:]


async def test_keys_of_one_issuer_are_exchanged_while_the_other_is_down() -> None:
    moment, new = [1000.0], SigningKey("ec-2", "ES256")
    with jwks_server(RSA) as clerk, jwks_server(EC) as house:
        issuers = outside_issuers(settings_of(**two_issuers(clerk, house)))
        for issuer, server in zip(issuers, (clerk, house), strict=True):
            issuer._keys = RemoteKeys(server.url, monotonic=lambda: moment[0])
        resolver = PrincipalResolver(admin_token=None, cookie_name="c", issuers=issuers)
        customers = RSA.sign(claims(iss=CLERK, azp="https://shop.example.com"))
        old = EC.sign(claims(iss=HOUSE, aud="pannier"))
        assert [(await who(resolver, token)).user_id for token in (customers, old)] == ["user-7", "house:user-7"]

        clerk.status, house.keys = 500, [new.jwk]
        moment[0] += keys_module.ATTEMPT_INTERVAL_S + 1

        assert (await who(resolver, new.sign(claims(iss=HOUSE, aud="pannier")))).user_id == "house:user-7"
        assert fault(await who(resolver, old))
        assert (await who(resolver, customers)).user_id == "user-7"
        await resolver.close()


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"issuer": CLERK}, "none twice"),
        ({"issuer": None, "jwks_url": None, "secret": SECRET}, "`issuer` each"),
        ({"user_id_prefix": ""}, "only one may do without"),
    ],
)
def test_issuers_that_cannot_be_told_apart_are_refused(changes: dict[str, Any], why: str) -> None:
    somewhere = JwksServer("https://keys.example.com/jwks")
    with pytest.raises(ValidationError, match=why):
        settings_of(**two_issuers(somewhere, somewhere, **changes))
    settings_of(**two_issuers(somewhere, somewhere))


@pytest.mark.parametrize("prefix", ["house:", "house", "house:b:"])
def test_user_ids_of_two_issuers_never_mean_the_same_user(prefix: str) -> None:
    somewhere = JwksServer("https://keys.example.com/jwks")
    third = {"issuer": "https://c.example.com", "audience": ["a"], "secret": SECRET, "user_id_prefix": prefix}
    given = two_issuers(somewhere, somewhere)
    with pytest.raises(ValidationError, match="begin with"):
        settings_of(**{**given, "jwt_issuers": [*given["jwt_issuers"], third]})


async def test_any_audience_is_taken_only_where_that_is_said() -> None:
    async with shop_with_keys(RSA, jwt_audience=(), jwt_accept_any_audience=True) as (resolver, _):
        assert (await who(resolver, RSA.sign(claims(aud="another-shop")))).user_id == "user-7"
