"""What must hold of shipping methods."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "shipping_method.definition",
        "A shipping method says what it costs, and does not say what stands beside that",
        """select id, code, definition from shipping_method
            where definition->>'kind' is null or definition ?| array['id', 'name', 'position', 'enabled']""",
    ),
)
