"""What anybody may enter in the demo shop, and in no other."""

from __future__ import annotations

from typing import Final

#: Ten percent off.
DEMO_CODE: Final = "WELCOME10"
DEMO_GIFT_CARD: Final = "DEMO-GIFT-2026"
