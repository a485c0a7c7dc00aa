"""One vocabulary for what prices are made from: what staff store is read as every quote and every scenario reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pannier.platform.problems import ValidationFailedError
from pannier.pricing import DefinitionKind, ScenarioError, read_definition


def check_tax_rate(definition: Mapping[str, Any]) -> None:
    """Raises ValidationFailedError unless quotes can read it."""
    _check("tax_rate", definition, "")


def check_shipping_method(definition: Mapping[str, Any]) -> None:
    """Raises ValidationFailedError unless quotes can read it."""
    _check("shipping_method", definition, "definition.")


def check_promotion(definition: Mapping[str, Any]) -> None:
    """Raises ValidationFailedError unless quotes can read it."""
    _check("promotion", definition, "definition.")


def check_price_rule(definition: Mapping[str, Any]) -> None:
    """Raises ValidationFailedError unless quotes can read it."""
    _check("price_rule", definition, "definition.")


def _check(kind: DefinitionKind, definition: Mapping[str, Any], place: str) -> None:
    try:
        read_definition(kind, definition)
    except ScenarioError as fault:
        path = fault.path.replace("[", ".").replace("]", "")
        raise ValidationFailedError.of([(f"{place}{path}", fault.reason)]) from None
