#!/bin/sh
# PgBouncer in transaction mode before the service `database`, with the password of a secret.
set -eu

password=$(cat /run/secrets/database_password)
umask 077
printf '"vayu" "%s"\n' "$password" >/tmp/users.txt
cat >/tmp/pgbouncer.ini <<INI
[databases]
vayu = host=database port=5432 dbname=vayu
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /tmp/users.txt
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
exec pgbouncer /tmp/pgbouncer.ini
