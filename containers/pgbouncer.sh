#!/bin/sh
# PgBouncer in transaction mode before the service `database`, with the password of a secret.
#
#   pgbouncer.sh            run it
#   pgbouncer.sh healthy    say by the status whether its clients get an answer from the database; if not, why
set -eu

password=$(cat "${SECRETS:-/run/secrets}/database_password") state=${STATE:-/tmp} port=${LISTEN_PORT:-6432}
if [ "${1:-}" = healthy ]; then
  # Images of former releases, which an update may go back to, have no psql but Debian's word for it, which wants one.
  psql --version >/dev/null 2>&1 || exec bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
  PGPASSWORD=$password PGCONNECT_TIMEOUT=4 exec psql --no-psqlrc --quiet --no-align --tuples-only --host=127.0.0.1 \
    --port="$port" --username=vayu --dbname=vayu --command='SELECT 1' >/dev/null
fi
umask 077
printf '"vayu" "%s"\n' "$password" >"$state/users.txt"
cat >"$state/pgbouncer.ini" <<INI
[databases]
vayu = host=${PGHOST:-database} port=${PGPORT:-5432} dbname=vayu
[pgbouncer]
listen_addr = ${LISTEN_ADDRESS:-0.0.0.0}
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $state/users.txt
pool_mode = transaction
default_pool_size = ${POOL_SIZE:-20}
reserve_pool_size = 5
max_client_conn = 500
max_prepared_statements = 200
server_connect_timeout = 5
server_login_retry = 1
query_wait_timeout = 15
server_tls_sslmode = prefer
log_connections = 0
log_disconnections = 0
INI
exec pgbouncer "$state/pgbouncer.ini"
