"""What Stripe answers to what we ask of it, over HTTP, with its faults: keys that are kept, answers that never come."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "whsec_of_this_test"
_CODES = {401: None, 403: None, 404: "resource_missing", 400: "idempotency_key_in_use"}


@dataclass
class FakeStripe:
    """Intents, refunds and pages of one account. `faults` are taken one by one: what happens to the next changes."""

    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, tuple[int, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    #: Another status for every answer: the key is refused, the account is another one.
    refuses: int | None = None
    #: What refunds come to from now on.
    refund_status: str = "succeeded"
    asked: list[str] = field(default_factory=list)
    #: Seconds that every answer takes, so that those who ask meet here.
    slow_s: float = 0.0
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def app(self) -> Starlette:
        """It, to be served."""
        return Starlette(routes=[Route("/v1/{path:path}", self._answer, methods=["GET", "POST"])])

    def pay(self, session_id: str, *, takes_time: bool = False) -> None:
        """A shopper pays at a page. `takes_time`: in a way of which nothing is known until it is `cleared`."""
        session = self.sessions[session_id]
        if session["status"] == "open":
            intent = self._intent(
                session["amount_total"], session["currency"], session["captures"], session["metadata"]
            )
            session |= {"status": "complete", "payment_intent": intent["id"]}
            if takes_time:
                intent["status"] = "processing"
            else:
                self._succeed(intent)

    def clear(self, session_id: str, *, is_good: bool = True) -> None:
        """The bank has taken its time with what was paid at a page, and the money is there, or not."""
        intent = self.intents[self.sessions[session_id]["payment_intent"]]
        assert intent["status"] == "processing"
        if is_good:
            self._succeed(intent)
        else:
            intent |= {"status": "requires_payment_method", "last_payment_error": {"code": "payment_intent_failed"}}

    def settle(self, refund: dict[str, Any], status: str) -> None:
        """What a refund comes to after days, whatever it has come to before; what has failed is the shop's again."""
        if status == "failed" and refund["status"] != "failed":
            self.charges[refund["charge"]]["amount_refunded"] -= refund["amount"]
        refund |= {"status": status, "failure_reason": "lost_or_stolen_card" if status == "failed" else None}

    @property
    def charged(self) -> int:
        """How often somebody's money was taken, whether he has it back or not."""
        return sum(charge["amount_captured"] > 0 for charge in self.charges.values())

    @property
    def taken(self) -> int:
        """Money that was taken and not given back."""
        return sum(charge["amount_captured"] - charge["amount_refunded"] for charge in self.charges.values())

    @property
    def held(self) -> int:
        """Money that is authorised, and neither taken nor let go of."""
        return sum(one["amount"] for one in self.intents.values() if one["status"] == "requires_capture")

    async def _answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path_params['path']}")
        if self.refuses is not None:
            about = {"type": "invalid_request_error", "message": "not with this key", "code": _CODES[self.refuses]}
            return JSONResponse({"error": about}, self.refuses)
        fault = self.faults.pop(0) if request.method == "POST" and self.faults else None
        if fault == "timeout before":
            await asyncio.sleep(0.7)
            return JSONResponse({"error": {"type": "api_error", "message": "too late"}}, 500)
        if fault == "500":
            return JSONResponse({"error": {"type": "api_error", "message": "sorry"}}, 500)
        key = request.headers.get("idempotency-key")
        path, body = request.path_params["path"], dict(parse_qsl((await request.body()).decode()))
        body |= dict(request.query_params)
        if key is not None and key in self.kept:
            status, answer = self.kept[key]
        else:
            status, answer = self._done(request.method, path.split("/"), body)
            if key is not None:
                self.kept[key] = status, answer
        if fault == "500 after":
            return JSONResponse({"error": {"type": "api_error", "message": "sorry"}}, 500)
        await asyncio.sleep(0.7 if fault == "timeout after" else self.slow_s)
        return JSONResponse(answer, status)

    def _done(self, method: str, path: list[str], body: dict[str, str]) -> tuple[int, Any]:
        if method == "GET":
            return self._shown(path, body)
        match path:
            case ["payment_intents"]:
                return self._create(body)
            case ["payment_intents", name, "capture"]:
                return self._capture(self.intents[name])
            case ["payment_intents", name, "cancel"]:
                return self._cancel(self.intents[name])
            case ["refunds"]:
                return self._refund(body)
            case ["checkout", "sessions"]:
                return 200, self._session(body)
            case ["checkout", "sessions", name, "expire"]:
                return self._expire(self.sessions[name])
        return _refused(f"there is no {path}")

    def _shown(self, path: list[str], body: dict[str, str]) -> tuple[int, Any]:
        match path:
            case ["payment_intents"]:
                return 200, self._list(self.intents, "payment_intents", body)
            case ["payment_intents", "search"]:
                found = [one for one in self.intents.values() if one["metadata"]["attempt_id"] in body["query"]]
                return 200, {"object": "search_result", "data": found, "has_more": False, "url": "/v1/payment_intents"}
            case ["payment_intents", name]:
                return self._one(self.intents, name)
            case ["refunds"]:
                found = [one for one in reversed(self.refunds.values()) if one["charge"] == body["charge"]]
                names = [one["id"] for one in found]
                since = names.index(body["starting_after"]) + 1 if "starting_after" in body else 0
                page = found[since : since + int(body["limit"])]
                has_more = since + len(page) < len(found)
                return 200, {"object": "list", "data": page, "has_more": has_more, "url": "/v1/refunds"}
            case ["charges", name]:
                return self._one(self.charges, name)
            case ["checkout", "sessions"]:
                return 200, self._list(self.sessions, "checkout/sessions", body)
            case ["checkout", "sessions", name]:
                return self._one(self.sessions, name)
        return _refused(f"there is no {path}")

    def _create(self, body: dict[str, str]) -> tuple[int, Any]:
        metadata = {"attempt_id": body["metadata[attempt_id]"]}
        captures = body["capture_method"] == "automatic"
        intent = self._intent(int(body["amount"]), body["currency"], captures, metadata)
        if "declined" in body["payment_method"]:
            intent["last_payment_error"] = {"code": "card_declined", "decline_code": "insufficient_funds"}
            error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
            return 402, {"error": error | {"message": "declined", "payment_intent": intent}}
        if "authenticate" in body["payment_method"]:
            action = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/3ds"}}
            intent |= {"status": "requires_action", "next_action": action}
            return 200, intent
        self._succeed(intent)
        return 200, intent

    def _intent(self, amount: int, currency: str, captures: bool, metadata: dict[str, str]) -> dict[str, Any]:
        intent = {"id": f"pi_{next(self.numbers)}", "object": "payment_intent", "amount": amount, "currency": currency}
        intent |= {"status": "requires_payment_method", "amount_received": 0, "latest_charge": None}
        intent |= {"captures": captures, "metadata": metadata, "last_payment_error": None, "next_action": None}
        intent |= {"created": int(time.time())}
        self.intents[str(intent["id"])] = intent
        return intent

    def _succeed(self, intent: dict[str, Any]) -> None:
        charge = {"id": f"ch_{next(self.numbers)}", "object": "charge", "amount_captured": 0, "amount_refunded": 0}
        self.charges[str(charge["id"])] = charge
        intent |= {"status": "requires_capture", "latest_charge": charge["id"]}
        if intent["captures"]:
            self._capture(intent)

    def _capture(self, intent: dict[str, Any]) -> tuple[int, Any]:
        if intent["status"] != "requires_capture":
            return _refused("it cannot be captured")
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        self.charges[intent["latest_charge"]]["amount_captured"] = intent["amount"]
        return 200, intent

    def _cancel(self, intent: dict[str, Any]) -> tuple[int, Any]:
        if intent["status"] in {"succeeded", "canceled", "processing"}:
            return _refused("it cannot be canceled")
        intent["status"] = "canceled"
        return 200, intent

    def _refund(self, body: dict[str, str]) -> tuple[int, Any]:
        charge = self.charges[self.intents[body["payment_intent"]]["latest_charge"]]
        if charge["amount_refunded"] + int(body["amount"]) > charge["amount_captured"]:
            return _refused("more than is left")
        charge["amount_refunded"] += int(body["amount"])
        made: dict[str, Any] = {"id": f"re_{next(self.numbers)}", "object": "refund", "status": "pending"}
        made |= {"payment_intent": body["payment_intent"], "charge": charge["id"], "amount": int(body["amount"])}
        made["metadata"] = {name: body[f"metadata[{name}]"] for name in ("refund_id", "attempt_id")}
        self.refunds[made["id"]] = made
        self.settle(made, self.refund_status)
        # As it was at this moment, which is what is kept under the key.
        return 200, dict(made)

    def _session(self, body: dict[str, str]) -> dict[str, Any]:
        name = f"cs_{next(self.numbers)}"
        session: dict[str, Any] = {"id": name, "object": "checkout.session", "status": "open", "payment_intent": None}
        session |= {"client_reference_id": body["client_reference_id"], "url": f"https://pay.example/{name}"}
        session |= {"amount_total": int(body["line_items[0][price_data][unit_amount]"])}
        session |= {"currency": body["line_items[0][price_data][currency]"]}
        session |= {"captures": body["payment_intent_data[capture_method]"] == "automatic"}
        session |= {"metadata": {"attempt_id": body["client_reference_id"]}, "success_url": body["success_url"]}
        session |= {"created": int(time.time())}
        self.sessions[name] = session
        return session

    def _expire(self, session: dict[str, Any]) -> tuple[int, Any]:
        if session["status"] != "open":
            return _refused("it is over")
        session["status"] = "expired"
        return 200, session

    @staticmethod
    def _one(known: dict[str, dict[str, Any]], name: str) -> tuple[int, Any]:
        return (200, known[name]) if name in known else _refused(f"no such {name}", 404)

    @staticmethod
    def _list(known: dict[str, dict[str, Any]], path: str, body: dict[str, str]) -> dict[str, Any]:
        """The newest first, a page of so many, of what was made between two moments."""
        since, until = int(body["created[gte]"]), int(body["created[lte]"])
        names = [name for name in reversed(known) if since <= known[name]["created"] <= until]
        if "starting_after" in body:
            names = names[names.index(body["starting_after"]) + 1 :]
        limit = int(body["limit"])
        page = [known[name] for name in names[:limit]]
        return {"object": "list", "data": page, "has_more": len(names) > limit, "url": f"/v1/{path}"}


def signed(event: dict[str, Any], *, at: float | None = None, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    """A webhook as Stripe sends it."""
    body = json.dumps(event).encode()
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={moment},v1={digest}"}, body


def _refused(text: str, status: int = 400) -> tuple[int, Any]:
    return status, {"error": {"type": "invalid_request_error", "message": text}}
