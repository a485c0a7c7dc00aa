"""No hidden state, no inexact money."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source_tree import Source, called_name, python

MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset(
    """bytearray defaultdict deque dict list set OrderedDict WeakKeyDictionary WeakSet
    WeakValueDictionary""".split()
)
# These belong to one application each; at module level, two shops in one process would share them.
PER_APPLICATION = frozenset(
    """AsyncClient Client CollectorRegistry Condition Counter Database Event FastAPI Gauge Histogram Lock Pool
    Queue Semaphore Services Settings Starlette Summary create_app create_pool""".split()
)
MUTATORS = frozenset(
    "add append appendleft clear discard extend insert pop popitem remove setdefault sort update".split()
)
EXACT = frozenset({"Decimal", "Fraction"})


def mutable_globals(root: Path) -> list[str]:
    """State at module level: containers that are not constants, objects of one application, `global`."""
    found = []
    for source in python(root, "src"):
        tree = source.tree()
        changed = set(_changed_names(tree))
        for name, value, line in _assignments(tree):
            call = called_name(value)
            is_container = isinstance(value, MUTABLE_LITERALS) or call in MUTABLE_CALLS
            is_constant = name.strip("_").isupper() or name == "__all__"
            if call in PER_APPLICATION:
                found.append(source.at(line, f"{name} would be shared by every application in the process"))
            elif is_container and (not is_constant or name in changed):
                found.append(source.at(line, f"{name} is mutable state at module level"))
        found += [
            source.at(node.lineno, f"global {', '.join(node.names)}")
            for node in ast.walk(tree)
            if isinstance(node, ast.Global)
        ]
    return found


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr, int]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value, node.lineno


def _changed_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in MUTATORS:
                yield name


def inexact_money(root: Path) -> list[str]:
    """Floats, true division and `round` where amounts are worked out: kernel/money, pricing, any rules.py."""
    package = root / "src" / "pannier"
    found = []
    for source in python(root, "src"):
        place = (root / source.path).relative_to(package).as_posix()
        if place == "kernel/money.py" or place.startswith("pricing/") or place.endswith("/rules.py"):
            found += list(_inexact(source))
    return found


def _inexact(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree()):
        match node:
            case ast.Constant(value=float(value)):
                yield source.at(node.lineno, f"the float {value}")
            case ast.Name(id="float" | "round" as name):
                yield source.at(node.lineno, f"{name} is not exact")
            case ast.Import(names=[ast.alias(name="math")]) | ast.ImportFrom(module="math"):
                yield source.at(node.lineno, "math works with floats")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if not _is_exact(node):
                yield source.at(node.lineno, "true division outside Fraction and Decimal")


def _is_exact(node: ast.AST) -> bool:
    return any(called_name(part) in EXACT for part in ast.walk(node) if isinstance(part, ast.expr))
