"""What one cart costs the application's processor, step by step: `python -m bench.micro [--lines N]`.

For whoever changes pricing or the view of a cart. Each step runs for a while; the best of several rounds is told,
since whatever else the machine does can only add to it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from pannier.cart import CartDocument, CartLineDocument, ViewRules
from pannier.cart.basket import priced
from pannier.cart.document import Display
from pannier.cart.view import show
from pannier.kernel.ids import uuid7
from pannier.pricing import Prices, PricingRules

_ROUNDS = 5
_ROUND_S = 0.2
_AT = "2026-01-02T03:04:05.678901+00:00"


def document_of(lines: int) -> bytes:
    """A guest's cart as the database answers it."""
    display = Display(
        str(uuid7()), "SKU-1", "Product 1", "product-1", "A thing to measure with", None, None, [], "standard", True
    )
    line = CartLineDocument(
        uuid7(), str(uuid7()), 1, 1999, False, True, _AT, _AT, None, display, True, (1999, None), 50, True
    )
    cart = CartDocument(
        str(uuid7()),
        7,
        "active",
        "USD",
        "default",
        None,
        _AT,
        _AT,
        _AT,
        _AT,
        _AT,
        {},
        {line.variant_id: lines},
        [line] * lines,
    )
    return msgspec.json.encode(cart)


def steps_of(lines: int) -> dict[str, Callable[[], object]]:
    """The steps between the database's answer and the wire, each by itself."""
    raw = document_of(lines)
    decoder, encoder = msgspec.json.Decoder(CartDocument), msgspec.json.Encoder()
    document = decoder.decode(raw)
    prices = Prices.of_settings(PricingRules(), "USD")
    rules = ViewRules(prices, "USD", "default", True)
    cart = show(document, rules)
    return {
        "decode the database's answer": lambda: decoder.decode(raw),
        "price it (pricing.quote)": lambda: priced(document, rules),
        "make the wire's cart, priced": lambda: show(document, rules),
        "encode the wire's cart": lambda: encoder.encode(cart),
    }


def microseconds(step: Callable[[], object]) -> float:
    """CPU of one call in the best round."""
    best = float("inf")
    for _ in range(_ROUNDS):
        calls, began = 0, time.process_time()
        while time.process_time() - began < _ROUND_S:
            for _ in range(100):
                step()
            calls += 100
        best = min(best, (time.process_time() - began) / calls * 1e6)
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each step and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=5, help="lines of the cart (default 5)")
    lines = parser.parse_args(arguments).lines
    for name, step in steps_of(lines).items():
        print(f"{microseconds(step):8.1f} µs  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
