#!/bin/sh
# PgBouncer in transaction mode before whichever PostgreSQL is written to: WRITER. The server's role is the only one that
# passes; the schema's owner and the standby go to PostgreSQL itself. After a failover start it anew with the other WRITER.
set -eu
umask 077
place=${PLACE:-/tmp} role=${SERVER_ROLE:-authserver}
password=$(sed 's/"/""/g' "${SERVER_PASSWORD_FILE:-/run/secrets/server_password}")
printf '"%s" "%s"\n' "$role" "$password" > "$place/users"
cat > "$place/pgbouncer.ini" <<INI
[databases]
${DATABASE:-authserver} = host=${WRITER:?the host of the PostgreSQL that is written to} port=${WRITER_PORT:-5432}

[pgbouncer]
listen_addr = ${LISTEN_ADDRESS:-*}
listen_port = ${LISTEN_PORT:-6432}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $place/users
pool_mode = transaction
default_pool_size = ${POOL_SIZE:-20}
max_client_conn = 1000
; A database that is away is told to requests in time, and asked again every second.
query_wait_timeout = 5
server_connect_timeout = 3
server_login_retry = 1
; A host that vanished sends no reset (milliseconds, seconds).
tcp_user_timeout = 10000
tcp_keepidle = 10
tcp_keepintvl = 3
log_connections = 0
log_disconnections = 0
INI
exec pgbouncer "$place/pgbouncer.ini"
