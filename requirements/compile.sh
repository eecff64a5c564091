#!/bin/sh
# Locks every requirements/*.in with hashes: dev.lock first, the small ones to the very same versions.
set -eu
cd "$(dirname "$0")"
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"; }
lock dev.in -c constraints.txt -o dev.lock
for file in test data train evaluate registry serve deploy; do
  lock "$file.in" -c dev.lock -c constraints.txt -o "$file.lock"
done
