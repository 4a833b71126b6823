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

look_up() { # the database's address; nothing where it has none at present
  getent ahosts "${PGHOST:-database}" | { read -r address _ && echo "$address"; } || true
}

configure() { # ADDRESS
  cat >"$state/pgbouncer.new" <<INI
[databases]
vayu = host=$1 port=${PGPORT:-5432} dbname=vayu
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
  mv "$state/pgbouncer.new" "$state/pgbouncer.ini"
}

umask 077
printf '"vayu" "%s"\n' "$password" >"$state/users.txt"
known=$(look_up)
known=${known:-${PGHOST:-database}}
configure "$known"
# Given a name, PgBouncer 1.24 with c-ares 1.34 went on with the address that the database no longer had, for as long as
# that was watched: a minute and a half (podman). See also https://github.com/pgbouncer/pgbouncer/issues/1119.
bouncer=$$
while kill -0 $bouncer 2>/dev/null; do
  found=$(look_up)
  if [ -n "$found" ] && [ "$found" != "$known" ]; then
    known=$found
    configure "$known"
    echo "the database is at $known now"
    kill -HUP $bouncer
  fi
  sleep 2
done &
exec pgbouncer "$state/pgbouncer.ini"
