# The image of a model, built from its bundle: system, packages, toolkit, model, each a layer, so that a new model sends
# nothing else again. Two builds of a bundle give the same layers, bit for bit: every file gets the date 0, and RUN
# copies them because COPY leaves the clock's date on the folders above. A project may bring a Dockerfile of its own.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONHASHSEED=0
WORKDIR /build
RUN python -m venv --without-pip /opt/venv
COPY requirements.lock ./
# wheels only: nothing is compiled, so that no compiler is needed; the packages' own tests are a fifth of their size
# index, certificates and proxy of the place where it is built; --mount=type=secret leaves nothing of them in the image
RUN --mount=type=secret,id=pip.conf,target=/root/.config/pip/pip.conf --mount=type=secret,id=ca.pem \
    pip --python /opt/venv install --no-compile --no-deps --require-hashes --only-binary=:all: -r requirements.lock \
 && find /opt/venv -type d -name tests -prune -exec rm -r {} +
# the [t] lets the file be absent: most projects need nothing but the lock
COPY project-requirements.tx[t] ./
# some packages hold files that are no Python of this version, which is no fault of theirs
RUN --mount=type=secret,id=pip.conf,target=/root/.config/pip/pip.conf --mount=type=secret,id=ca.pem \
    if [ -f project-requirements.txt ]; then pip --python /opt/venv install --no-compile -r project-requirements.txt; fi \
 && { python -m compileall -q --invalidation-mode unchecked-hash /opt/venv || true; } \
 && find /opt/venv -exec touch --no-dereference --date=@0 {} +

FROM ${BASE_IMAGE}
# by number, because Kubernetes can tell only from a number that it is not root
RUN echo assay:x:10001:10001::/app:/usr/sbin/nologin >> /etc/passwd && echo assay:x:10001: >> /etc/group \
 && install --directory /app && install --directory --owner=10001 --group=10001 /var/log/assay \
 && touch --date=@0 /etc /etc/passwd /etc/group /var/log /var/log/assay /app
# Docker's own Python images hold no byte code of the standard library, and a read-only container could never keep any:
# without it every start compiles 200 modules anew
RUN lib="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && { PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash \
      -x '/(test|idlelib|lib2to3|tkinter|turtledemo|ensurepip|site-packages|dist-packages)/' "$lib" || true; } \
 && find "$lib" \( -name '*.pyc' -o -type d \) -exec touch --date=@0 {} +
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
RUN --mount=type=bind,from=dependencies,source=/opt/venv,target=/mnt/venv \
    cp --archive /mnt/venv /opt/venv && touch --date=@0 /opt
RUN --mount=type=bind,target=/mnt/bundle \
    cp --recursive /mnt/bundle/assay /mnt/bundle/project /app \
 && { PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /app || true; } \
 && find /app -exec touch --date=@0 {} +
RUN --mount=type=bind,target=/mnt/bundle \
    cp --recursive /mnt/bundle/model* /mnt/bundle/*.json /app && find /app -exec touch --date=@0 {} +
WORKDIR /app
USER 10001:10001
EXPOSE 8080
# so that a read-only container has a place for its predictions
VOLUME /var/log/assay
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["python", "-m", "assay", "serve", "--bundle", "/app", "--host", "0.0.0.0", "--port", "8080", "--log", "/var/log/assay"]
