# syntax=docker/dockerfile:1
# Tags move. Whoever releases an image pins what it is made of by digest; docs/operations.md, "The image", has the step.
# Both are on the same Debian, so that the client of PostgreSQL fits the C library of the base.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
ARG POSTGRES_IMAGE=postgres:18-trixie

# For `authserver backup` and `restore`. Version 18 saves older servers, too, and restores into 17 and newer.
FROM ${POSTGRES_IMAGE} AS postgres
COPY deploy/image/postgres_client.sh /tmp/postgres_client.sh
RUN /tmp/postgres_client.sh "/usr/lib/postgresql/$PG_MAJOR/bin" /opt/postgres

# The official image's Python is built with profile-guided and link-time optimisation.
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# `otel` beside `run` brings what AUTHSERVER_OPENTELEMETRY=on needs.
ARG LOCK=run
COPY requirements/run.txt requirements/otel.txt requirements/
RUN python -m venv --without-pip /app \
    && python -m pip --python /app/bin/python install --no-cache-dir --disable-pip-version-check \
    --require-hashes --only-binary :all: --compile -r requirements/${LOCK}.txt
COPY . .
RUN /app/bin/python deploy/image/install.py

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin authserver \
    && install -d -o authserver -g authserver -m 700 /data
COPY --from=postgres /opt/postgres /opt/postgres
COPY --from=build /app /app
ENV PATH=/app/bin:/opt/postgres/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AUTHSERVER_HOST=0.0.0.0 \
    AUTHSERVER_DATA_DIR=/data \
    AUTHSERVER_LOG_FORMAT=json
# An image in which one of these does not start is not built.
RUN authserver version && pg_dump --version && pg_restore --version
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s CMD ["authserver", "healthcheck"]
CMD ["authserver", "serve"]
