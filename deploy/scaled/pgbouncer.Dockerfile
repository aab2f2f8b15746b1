# PgBouncer beside the client of the PostgreSQL that it stands before: from the packages that its image is made of.
ARG POSTGRES_IMAGE=postgres:18-trixie
FROM ${POSTGRES_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 pgbouncer.sh /usr/local/bin/pgbouncer.sh
# postgres there
USER 999
ENTRYPOINT ["pgbouncer.sh"]
