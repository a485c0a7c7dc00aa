"""The outside issuers that the settings name."""

from __future__ import annotations

from pannier.platform.settings import Settings
from pannier.platform.settings.issuers import IssuerSettings
from pannier.platform.tokens.checks import PUBLIC_DEFAULT, SHARED_DEFAULT
from pannier.platform.tokens.issuer import IssuerRules, Keys, OutsideIssuer
from pannier.platform.tokens.keys import FixedKeys, RemoteKeys, pem_key


def outside_issuers(settings: Settings) -> list[OutsideIssuer]:
    """Those there are, each with what of the others' user ids it must not name."""
    prefixes = {of.user_id_prefix for of in settings.issuers if of.user_id_prefix}
    return [
        OutsideIssuer(_rules(of, () if of.user_id_prefix else tuple(sorted(prefixes))), _keys(of))
        for of in settings.issuers
    ]


def _rules(of: IssuerSettings, prefixes_of_others: tuple[str, ...]) -> IssuerRules:
    default = SHARED_DEFAULT if of.secret is not None else PUBLIC_DEFAULT
    return IssuerRules(
        issuer=of.issuer,
        audience=of.audience,
        authorized_parties=of.authorized_parties,
        algorithms=frozenset(of.algorithms or default),
        leeway_s=of.leeway_s,
        user_id_claim=of.user_id_claim,
        user_id_prefix=of.user_id_prefix,
        prefixes_of_others=prefixes_of_others,
        roles_claim=of.roles_claim,
        role_map=of.role_map,
    )


def _keys(of: IssuerSettings) -> Keys:
    if of.jwks_url is not None:
        return RemoteKeys(of.jwks_url)
    if of.secret is not None:
        return FixedKeys(of.secret.get_secret_value().encode(), frozenset({"HS256", "HS384", "HS512"}))
    assert of.public_key is not None
    found = pem_key(of.public_key)
    return FixedKeys(found.key, found.algorithms)
