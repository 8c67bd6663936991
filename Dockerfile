# The image of `milagro`: one command, run as a user without rights on a file system that may be read-only.
#
#   docker build -t milagro .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#       -v ./etc:/etc/milagro:ro -v dta-state:/var/lib/milagro -p 8001:8001 milagro
#
# docs/operators/containers.md says the rest. Behind a proxy of your own, give pip its settings as build secrets, which
# no layer keeps: --secret id=pip.conf,src=.. and --secret id=ca-certificates,src=.. (a PEM bundle).
# podman and buildah need --format docker, because images in OCI format have no health checks.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# What each call of pip begins with.
RUN printf '%s\n' \
    'if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi' \
    'if [ -s /run/secrets/ca-certificates.pem ]; then export PIP_CERT=/run/secrets/ca-certificates.pem; fi' \
    'export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1' > pip.sh
COPY pyproject.toml ./
RUN --mount=type=secret,id=pip.conf,target=/run/secrets/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/run/secrets/ca-certificates.pem \
    . ./pip.sh && python3 -m venv /tools && python3 -m venv --without-pip /opt/milagro \
    && /tools/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' \
    | xargs /tools/bin/pip install --quiet
# The native modules first, without the rest, so that a change of Python text compiles no C anew.
COPY README.md LICENSE NOTICE MANIFEST.in ./
COPY milagro/_native ./milagro/_native
RUN /tools/bin/pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir /tmp/unused .
COPY milagro ./milagro
# The package and what its servers can use: IPFS, tokens of PKCS#11, PostgreSQL, gRPC.
ARG EXTRAS=server,ipfs,hsm,postgres,grpc
RUN --mount=type=secret,id=pip.conf,target=/run/secrets/pip.conf \
    --mount=type=secret,id=ca-certificates,target=/run/secrets/ca-certificates.pem \
    . ./pip.sh \
    && find milagro/_native -name '*.c' -exec touch {} + && find build -type f -exec touch {} + \
    && /tools/bin/pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir /wheel . \
    && /tools/bin/pip --python /opt/milagro/bin/python install --quiet "$(echo /wheel/milagro-*.whl)[${EXTRAS}]"

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Milagro" \
      org.opencontainers.image.description="D-TAs, MFA server and tools: key shares from authorities that need not trust each other" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, not a name, in USER: Kubernetes can then see that it is not root.
RUN groupadd --gid 10001 milagro \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/milagro --shell /usr/sbin/nologin milagro \
    && install -d -m 0700 -o 10001 -g 10001 /etc/milagro /var/lib/milagro \
    && install -d -m 0755 -o 10001 -g 10001 /run/milagro \
    && install -d -m 0755 /usr/local/lib/pkcs11
COPY --from=build /opt/milagro /opt/milagro
# PYTHONSAFEPATH: a folder that happens to be the current one is no place for modules.
ENV PATH=/opt/milagro/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/milagro
VOLUME ["/var/lib/milagro"]
EXPOSE 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
    CMD ["milagro", "health", "--config", "/etc/milagro/milagro.toml"]
ENTRYPOINT ["milagro"]
CMD ["serve", "dta", "--config", "/etc/milagro/milagro.toml"]
