#!/bin/sh
# Locks every requirements/*.in with hashes: dev.lock first, the small ones to the very same versions.
# Run it after a change of a *.in file; `uv` does the work.
set -eu
cd "$(dirname "$0")"
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"; }
lock dev.in -c constraints.txt -o dev.lock
for file in test data train evaluate registry serve deploy; do
  lock "$file.in" -c dev.lock -c constraints.txt -o "$file.lock"
done
# the Dagger module: the engine brings dagger-io itself and installs its own editable copy, which hashes would refuse
echo "dagger-io==0.21.8" | uv pip compile --quiet --universal --python-version 3.13 --no-emit-index-url --no-header \
  --no-annotate --no-emit-package dagger-io -c constraints.txt - -o ../ci/requirements.lock
