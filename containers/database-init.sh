#!/bin/sh
# Once, when the volume is new: the role and the database of Vayu, with the password of a secret. The role owns its
# database and nothing else; extensions are the superuser's to make.
set -eu

psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set password="$(cat /run/secrets/database_password)" <<'SQL'
SELECT format('CREATE ROLE vayu LOGIN PASSWORD %L', :'password') \gexec
CREATE DATABASE vayu OWNER vayu;
SQL
if psql --tuples-only --username "$POSTGRES_USER" --dbname postgres \
  --command "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'" | grep -q 1; then
  psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname vayu \
    --command "CREATE EXTENSION IF NOT EXISTS timescaledb"
fi
