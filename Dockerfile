# The image of a model, built from its bundle: system, packages, model, code, each a layer, so that an edit of the code
# sends neither packages nor model again. A project may bring a Dockerfile of its own; it gets the same folder.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# wheels only: nothing is compiled, so that no compiler is needed
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-deps --require-hashes --only-binary=:all: -r requirements.lock
# the [t] lets the file be absent: most projects need nothing but the lock
COPY project-requirements.tx[t] ./
RUN if [ -f project-requirements.txt ]; then /opt/venv/bin/pip install -r project-requirements.txt; fi \
 && /opt/venv/bin/pip uninstall --yes --quiet pip

# gathered first, because each COPY onto a large image costs seconds in Dagger
FROM scratch AS code
COPY assay/ /app/assay/
COPY project/ /app/project/
COPY bundle.json samples.json profile.json /app/

FROM ${BASE_IMAGE}
# by number, because Kubernetes can tell only from a number that it is not root
RUN groupadd --gid 10001 assay && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app assay \
 && install --directory --owner=assay --group=assay /var/log/assay
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /app
COPY model/ model/
COPY --from=code /app/ ./
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["python", "-m", "assay", "serve", "--bundle", "/app", "--host", "0.0.0.0", "--port", "8080", "--log", "/var/log/assay"]
