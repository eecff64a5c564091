#!/bin/sh
# Locks every requirements/*.in with hashes, all of them to the very same versions, so that any of them can share an
# environment. Run it after a change of a *.in file; `uv` does the work.
set -eu
cd "$(dirname "$0")"
lock() { uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header "$@"; }
together=together.txt
trap 'rm -f together.txt' EXIT
cp dev.lock $together  # what is locked already stays, where it can
lock dev.in fetch.in suite.in models.in monitor.in installer.in -c constraints.txt -o $together
for file in dev test data train evaluate registry register serve serve-onnx package deploy attest fetch suite models monitor installer; do
  lock "$file.in" --generate-hashes -c $together -c constraints.txt -o "$file.lock"
done
# the Dagger module: the engine brings dagger-io itself and installs its own editable copy, which hashes would refuse
echo "dagger-io==0.21.8" | uv pip compile --quiet --universal --python-version 3.13 --no-emit-index-url --no-header \
  --no-annotate --no-emit-package dagger-io -c constraints.txt - -o ../ci/requirements.lock
