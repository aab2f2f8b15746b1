#!/bin/sh
# Runs once, in an empty PostgreSQL, as its superuser (the official image calls what lies in docker-entrypoint-initdb.d).
# Two roles without rights over others: one owns the database and migrates it, the other serves. What the server may do
# in each table is granted by `authserver migrate` itself, after every migration.
set -eu
database=${DATABASE:-authserver} owner=${OWNER_ROLE:-authserver_owner} server=${SERVER_ROLE:-authserver}
export OWNER_PASSWORD_FILE="${OWNER_PASSWORD_FILE:-/run/secrets/owner_password}"
export SERVER_PASSWORD_FILE="${SERVER_PASSWORD_FILE:-/run/secrets/server_password}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set database="$database" --set owner="$owner" --set server="$server" <<'SQL'
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set server_password `cat "$SERVER_PASSWORD_FILE"`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
CREATE ROLE :"server" LOGIN PASSWORD :'server_password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"server";
\connect :"database"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SQL
