"""What the texts name is there: files, commands, options, settings, targets, routes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pannier.app import create_app
from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.docs.pages import blocks, pages, prose
from tools.reference import command_names

PAGES = pages()


def _name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose(page))
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert dead == []


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each `pannier` command in a piece of shell, from its name on."""
    for line in text.splitlines():
        shell = re.split(r"(?:^|\s)#\s", line)[0]
        for piece in re.split(r"[|;]|&&", shell):
            # The last one: a user or a database may be called pannier, too.
            *_, words = ["", *re.split(r"(?:^|(?<=[\s/`(]))pannier(?= [a-z-])", piece)[1:]]
            if words:
                yield shlex.split(words.split(">")[0].rstrip(" )`").replace("…", "x"))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_and_their_options_exist(page: Path) -> None:
    known = command_names()
    quoted = re.findall(r"`(pannier [^`]+)`", prose(page))
    shell = [block.text for block in blocks(page) if block.language in {"sh", "ini", ""}]
    wrong = []
    for words in commands_in("\n".join([*quoted, *shell])):
        name = f"pannier {words[0]}"
        if any(other.startswith(f"{name} ") for other in known) and len(words) > 1:
            longer = f"{name} {words[1]}"
            # `pannier import` is a command as well as a family of them.
            name = longer if longer in known or name not in known else name
        flags = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        is_family = any(other.startswith(f"{name} ") for other in known)
        if words[0].startswith("-"):
            continue
        if (name not in known and not is_family) or not flags <= known.get(name, {"--help"}):
            wrong.append(words)

    assert wrong == []


def test_a_command_that_is_none_would_be_found() -> None:
    assert list(commands_in("make run && pannier stock lost --low 3 | head  # pannier x")) == [
        ["stock", "lost", "--low", "3"]
    ]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {f"PANNIER_{name.upper()}" for name in Settings.model_fields} | {
        "PANNIER_TEST_DATA",
        "PANNIER_TEST_DATABASE_URL",
    }
    named = set(re.findall(r"PANNIER_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))

    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8")))
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", text))

    assert named - targets == set()


@pytest.fixture(scope="module")
def known_routes() -> list[str]:
    """A pattern for each path of the served document, which takes seconds to make."""
    document = create_app(Settings(database_url="postgresql://nobody@nowhere/none")).openapi()
    return [re.sub(r"\{[^}]*\}", "[^/]+", path) for path in document["paths"]]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_routes_that_are_named_exist(page: Path, known_routes: list[str]) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:/api/v1|\$SHOP)((?:/[\w${}.-]*[\w}])+)|(/health/\w+|/metrics)\b", text))
    paths = [f"/api/v1{path}" if path else other for path, other in named]

    assert [path for path in paths if not any(re.fullmatch(pattern, path) for pattern in known_routes)] == []
