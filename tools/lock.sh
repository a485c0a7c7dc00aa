#!/usr/bin/env bash
# Writes the lock files: exact versions and the hashes of every file of each, and nothing about where
# they are fetched from, so that any mirror serves. The development lock is worked out first and
# constrains the others, so that a shop runs on the versions that the tests ran on.
set -euo pipefail

compile() {
    "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate "$@"
}

compile pyproject.toml --group dev --output-file requirements-dev.lock "$@"
compile pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock "$@"
compile pyproject.toml --extra pdf --constraint requirements-dev.lock --output-file requirements-pdf.lock "$@"
compile --group build --constraint requirements-dev.lock --output-file requirements-build.lock "$@"
echo "Locked $(grep -c == requirements-dev.lock) packages, $(grep -c == requirements.lock) of them for a shop."
