"""What may not stand in the repository's texts. The words are put together here, lest this file be found."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.source_tree import functions, python, sources

UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bHA" + r"CK\b"]))
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me/[a-z]+"]) + r")/")
NOT_IN_TESTS = {
    re.compile(r"\b(?:importor|pytest\.|mark\.|unittest\.|self\.)sk" + r"ip\w*"): "a test runs or is not there",
    re.compile(r"\bsleep\s*\("): "tests move the manual clock or wait for what they wait for",
    re.compile(r"\bunittest\.mo" + r"ck\b|\bmo" + r"cker\b|\bMagicMo" + r"ck\b"): "fakes are written by hand",
}
REASON = r"\s+(?:#|[-–—]+)\s*\w.{6,}"
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b")
SILENCED_WITH_REASON = re.compile(r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w,\s-]+\])" + REASON)
IGNORED_RULE = re.compile(r'^\s*(?:(?:"[^"]+"|ignore)\s*=\s*\[\s*)?"[A-Z]+\d*",?\s*\]?\s*(?P<rest>.*)$')


def unfinished(root: Path) -> list[str]:
    return [
        source.at(number, match.group())
        for source in sources(root)
        for number, line in enumerate(source.lines, 1)
        if (match := UNFINISHED.search(line))
    ]


def machine_paths(root: Path) -> list[str]:
    return [
        source.at(number, match.group())
        for source in sources(root)
        for number, line in enumerate(source.lines, 1)
        if (match := MACHINE_PATH.search(line))
    ]


def evasions_in_tests(root: Path) -> list[str]:
    """Tests that can leave themselves out, wait for time to pass, or replace what can run."""
    return [
        source.at(number, reason)
        for source in python(root, "tests")
        if source.path.name.startswith("test_")
        for number, line in enumerate(source.lines, 1)
        for pattern, reason in NOT_IN_TESTS.items()
        if pattern.search(line)
    ]


def tests_without_assertion(root: Path) -> list[str]:
    return [
        source.at(function.lineno, f"{function.name} asserts nothing")
        for source in python(root, "tests")
        for function in functions(source.tree())
        if function.name.startswith("test_") and not _asserts(function)
    ]


def _asserts(function: ast.AST) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in {"raises", "warns", "fail"} or name.startswith(("assert_", "check_", "expect_", "run_state")):
                return True
    return False


def silenced_without_reason(root: Path) -> list[str]:
    """Checks switched off, in the code or in pyproject.toml, with no rule named or no reason beside it."""
    found = [
        source.at(number, "silences a check without a rule and a reason beside it")
        for source in python(root)
        for number, line in enumerate(source.lines, 1)
        if SILENCED.search(line) and not SILENCED_WITH_REASON.search(line)
    ]
    section = ""
    for source in sources(root, ".toml"):
        for number, line in enumerate(source.lines, 1):
            if line.startswith("["):
                section = line
            elif line and not line[0].isspace() and section == "[tool.ruff.lint]":
                section = "[tool.ruff.lint] ignore" if line.startswith("ignore") else "[tool.ruff.lint]"
            if section in {"[tool.ruff.lint] ignore", "[tool.ruff.lint.per-file-ignores]"}:
                match = IGNORED_RULE.match(line)
                if match and not re.match(r"\s*#\s*\w.{8,}", match["rest"]):
                    found.append(source.at(number, "ignores a rule without a reason beside it"))
    return found


def addresses_in_locks(root: Path) -> list[str]:
    """Lines of a lock file that bind it to one place of download, and packages without a hash."""
    found = []
    for path in sorted(root.glob("*.lock")):
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|\s@\s", line):
                found.append(f"{path.name}:{number}: says where a package is fetched from")
            if re.match(r"[A-Za-z0-9]", line) and not re.match(r"[A-Za-z0-9._-]+(\[[\w,]+\])?==\S+.*\\$", line):
                found.append(f"{path.name}:{number}: pins no version with a hash")
    return found
