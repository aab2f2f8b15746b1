#!/bin/sh
# Runs once, after roles.sh, in an empty PostgreSQL: the role by which a standby follows, and nothing else may do.
set -eu
export STANDBY_PASSWORD_FILE="${STANDBY_PASSWORD_FILE:-/run/secrets/standby_password}"
role=${STANDBY_ROLE:-authserver_standby}
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set role="$role" <<'SQL'
\set password `cat "$STANDBY_PASSWORD_FILE"`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE :"role" LOGIN REPLICATION PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
SQL
echo "host replication $role ${STANDBY_NETWORK:-all} scram-sha-256" >> "$PGDATA/pg_hba.conf"
