"""Who may import whom, where import-linter's contracts cannot say it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp

from tests.architecture.source_tree import Source, python

PACKAGE = "pannier"
# Toolboxes, whose modules are used directly; every other package is a capability behind its `__init__`.
TOOLBOXES = frozenset({"kernel", "platform"})
# The composition root wires routes and jobs and audits invariants, which are nobody else's business.
OPEN_TO_APP = frozenset({"api", "invariants", "jobs"})

# What each file of a capability may not import from its own: `api → service → {repository, rules}`.
CLOSED_TO: dict[str, frozenset[str]] = {
    "api": frozenset({"repository", "jobs"}),
    "schemas": frozenset({"api", "service", "repository", "jobs"}),
    "jobs": frozenset({"api", "schemas"}),
    "service": frozenset({"api", "schemas", "jobs"}),
    "repository": frozenset({"api", "schemas", "jobs", "service"}),
    "rules": frozenset({"api", "schemas", "jobs", "service", "repository"}),
    "models": frozenset({"api", "schemas", "jobs", "service", "repository", "rules"}),
    "errors": frozenset({"api", "schemas", "jobs", "service", "repository", "rules"}),
    "events": frozenset({"api", "schemas", "jobs", "service", "repository", "rules"}),
}


def imported_modules(source: Source, root: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import, a module imported by name from its package included."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                candidate = root / "src" / Path(*node.module.split("."), alias.name)
                is_module = candidate.is_dir() or candidate.with_suffix(".py").is_file()
                yield node.lineno, f"{node.module}.{alias.name}" if is_module else node.module


def _place(source: Source) -> list[str]:
    """`["cart", "service"]` for `src/pannier/cart/service.py`."""
    return list(source.path.with_suffix("").parts[2:])


def foreign_internals(root: Path) -> list[str]:
    """Modules of a capability that others import around its `__init__`."""
    found = []
    for source in python(root, f"src/{PACKAGE}"):
        own = _place(source)[0]
        for line, module in imported_modules(source, root):
            match module.split("."):
                case [package, other, part, *_] if package == PACKAGE:
                    if other in TOOLBOXES or other == own:
                        continue
                    if own == "app" and part in OPEN_TO_APP:
                        continue
                    found.append(source.at(line, f"imports {module} and not {PACKAGE}.{other}"))
    return found


def wrong_way_inside(root: Path) -> list[str]:
    """Imports inside a capability that go against `api → service → {repository, rules}`."""
    found = []
    for source in python(root, f"src/{PACKAGE}"):
        own = _place(source)
        if len(own) < 2 or own[0] in TOOLBOXES or own[0] == "app":
            continue
        closed = CLOSED_TO.get(own[1], frozenset())
        for line, module in imported_modules(source, root):
            parts = module.split(".")
            if parts[:2] == [PACKAGE, own[0]] and len(parts) > 2 and parts[2] in closed:
                found.append(source.at(line, f"{own[1]} imports {parts[2]}"))
    return found


def import_cycles(package: str) -> list[str]:
    """Groups of modules that import each other, however far around; `package` must be importable."""
    graph = grimp.build_graph(package, cache_dir=None)
    reaches = {module: graph.find_upstream_modules(module) for module in graph.modules}
    cycles = set()
    for module, upstream in reaches.items():
        circle = frozenset(other for other in upstream if module in reaches[other])
        if circle:
            cycles.add(circle | {module})
    return [" ↔ ".join(sorted(cycle)) for cycle in cycles]
