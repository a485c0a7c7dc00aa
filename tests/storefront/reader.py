"""A browser without JavaScript: it reads pages, fills in their forms, sends them and follows where that leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

import httpx

ORIGIN = "http://shop.test"
HEADERS = {"Accept": "text/html", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


@dataclass
class Form:
    """A form with its fields as the page fills them in; `buttons` are (name, value, is disabled)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    buttons: list[tuple[str | None, str, bool]] = field(default_factory=list)


class Page(HTMLParser):
    """A page as it was sent. `text` is what can be read, `forms` what can be filled in."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.response = response
        self.status = response.status_code
        self.path = response.url.raw_path.decode()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.invalid: list[str] = []
        self.boxes: dict[str, bool] = {}
        self._parts: list[str] = []
        self._select = self._textarea = ""
        self.feed(response.text)
        self.text = " ".join("".join(self._parts).split())

    def form(self, action: str) -> Form:
        """The first form that goes to a path beginning so."""
        return next(form for form in self.forms if form.action.startswith(action))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "input" and values.get("form"):
            # A box to tick that belongs to a form elsewhere on the page.
            self.boxes[values.get("name") or ""] = "checked" in values
            return
        self._control(tag, values)

    def _control(self, tag: str, values: dict[str, str | None]) -> None:
        name = values.get("name") or ""
        if "aria-invalid" in values:
            self.invalid.append(name)
        if tag == "form":
            self.forms.append(Form(values.get("action") or "", values.get("method") or "get"))
        elif tag == "a":
            self.links.append(values.get("href") or "")
        elif tag == "img":
            self.images.append(values)
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((values.get("name"), values.get("value") or "", "disabled" in values))
        elif tag == "input" and values.get("type") == "radio":
            choices = self.forms[-1].choices.setdefault(name, [])
            choices.append((values.get("value") or "", "disabled" in values))
            if "checked" in values:
                self.forms[-1].fields[name] = values.get("value") or ""
        elif tag == "input" and name:
            self.forms[-1].fields[name] = values.get("value") or ""
        elif tag == "select":
            self._select = name
            self.forms[-1].fields[name] = ""
        elif tag == "option" and "selected" in values:
            self.forms[-1].fields[self._select] = values.get("value") or ""
        elif tag == "textarea":
            self._textarea = name
            self.forms[-1].fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.forms[-1].fields[self._textarea] += data
        else:
            self._parts.append(data)


class Reader:
    """Somebody who looks at pages."""

    def __init__(
        self, http: httpx.AsyncClient, prefix: str = "", headers: Mapping[str, str] = MappingProxyType(HEADERS)
    ) -> None:
        self.http = http
        self.headers = headers
        self.prefix = prefix

    async def open(self, path: str) -> Page:
        return Page(await self.http.get(f"{self.prefix}{path}", headers=self.headers, follow_redirects=True))

    async def send(self, form: Form, *, do: str | None = None, **values: Any) -> Page:
        """Fill in and send; `do` is the value of the button that is pressed."""
        response = await self.post(form, do=do, **values)
        assert response.status_code in {303, 409, 422}, response.text
        if response.status_code == 303:
            return await self.open(response.headers["location"].removeprefix(self.prefix))
        return Page(response)

    async def send_page(self, form: Form, **values: Any) -> Page:
        """Fill in and send a form that is answered by a page at once."""
        return Page(await self.post(form, **values))

    async def post(self, form: Form, *, do: str | None = None, **values: Any) -> httpx.Response:
        fields = {**form.fields, **{name: str(value) for name, value in values.items()}}
        if do is not None:
            fields["do"] = do
        return await self.http.post(form.action, data=fields, headers=self.headers)
