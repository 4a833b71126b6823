#!/usr/bin/env bash
# Vayu on one machine, by Docker or podman: docs/containers.md.
#
#   ./deploy.sh setup [--plain] [--with-training|--without-training] [--backups|--without-backups] [--port N]
#                     [--url https://air.example.org]
#                        make the secrets and .env, or change what is named; --plain: PostgreSQL without TimescaleDB
#   ./deploy.sh start    build what is missing, bring the database to the schema, start everything, wait until it is well
#   ./deploy.sh health   say how each service does; status 1 where one is not well
#   ./deploy.sh update [VERSION]
#                        replace what runs by this checkout, or by images of that version, without a failed request
#   ./deploy.sh restore [TIME]
#                        make the database anew from the backups, as it was at the newest moment or at TIME, such as
#                        "2025-11-05 10:30+05:30"; what is there is moved aside, and stays until the
#                        next restore has started
#   ./deploy.sh pin      note in .env which very images the bases are today, by digest, for all builds and starts from now on
#   ./deploy.sh logs [SERVICE…]
#   ./deploy.sh stop     stop everything; data, models and secrets stay
#
# VAYU_COMPOSE names another compose command than the first of: docker compose, podman compose, podman-compose.
set -euo pipefail
cd "$(dirname "$0")"

fail() {
  echo "error: $1" >&2
  exit "${2:-1}"
}

choose_engine() {
  if [ -n "${VAYU_COMPOSE:-}" ]; then
    read -ra compose <<<"$VAYU_COMPOSE"
  elif docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif podman compose version >/dev/null 2>&1; then
    compose=(podman compose)
  elif command -v podman-compose >/dev/null; then
    compose=(podman-compose)
  else
    fail "neither docker compose nor podman-compose is here; install one of them, or name it: VAYU_COMPOSE=…"
  fi
  engine=${compose[0]%-compose}
  "$engine" info >/dev/null 2>&1 || fail "$engine does not answer; start it, or see whether you may use it: $engine info"
}

value() { # NAME: as .env has it
  [ -f .env ] || return 0
  sed -n "s/^$1=//p" .env | tail -n 1
}

set_value() { # NAME TEXT
  touch .env
  { grep -v "^$1=" .env || true; echo "$1=$2"; } >.env.new
  mv .env.new .env
}

with_profile() { [[ ,$(value COMPOSE_PROFILES), == *,$1,* ]]; }

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

secret() { # FILE TEXT: nothing that is there is replaced
  [ -e ".secrets/$1" ] && return
  # The folder is closed; the containers' users, which are others, read the files themselves.
  printf '%s\n' "$2" >".secrets/$1.new" && chmod 0444 ".secrets/$1.new" && mv ".secrets/$1.new" ".secrets/$1"
}

setup() {
  local plain='' training=training backups=none port url='' profiles before
  # Whoever runs it again for something else keeps the rest.
  ! with_profile backup || backups=backup
  [ -z "$(value COMPOSE_PROFILES)" ] || with_profile training || training=none
  before=$(value VAYU_PORT)
  port=${before:=8080}
  while [ $# -gt 0 ]; do
    case $1 in
    --plain) plain=yes ;;
    --with-training) training=training ;;
    --without-training) training=none ;;
    --backups) backups=backup ;;
    --without-backups) backups=none ;;
    --port) port=${2:?"--port needs a number"} && shift ;;
    --url) url=${2:?"--url needs an address"} && shift ;;
    *) fail "setup takes --plain, --with-training, --without-training, --backups, --without-backups, --port N and --url ADDRESS, not $1" 2 ;;
    esac
    shift
  done
  { [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ]; } ||
    fail "--port takes a number from 1 to 65535" 2
  url=${url:-$(value VAYU_PUBLIC_URL)}
  { [ -n "$url" ] && [ "$url" != "http://127.0.0.1:$before" ]; } || url=http://127.0.0.1:$port
  [[ $url =~ ^https?://[^/?#@[:space:]]+$ ]] || fail "--url takes an address such as https://air.example.org" 2
  mkdir -p -m 0700 .secrets || fail "the folder $(pwd) cannot be written to"
  secret database-password "$(random 24)"
  secret database-superuser "$(random 24)"
  secret database-backup "$(random 24)"
  local password redis
  password=$(cat .secrets/database-password)
  if [ ! -e .secrets/vayu.json ]; then
    redis=$(random 24)
    rm -f .secrets/redis.conf
    secret redis.conf "$(printf '%s\n' "requirepass $redis" 'maxmemory 96mb' 'maxmemory-policy allkeys-lru' \
      'save ""' 'appendonly no' 'dir /data')"
    secret vayu.json "$(printf '{"DATABASE_URL": "postgresql://vayu:%s@pgbouncer:6432/vayu", %s, %s, %s}' "$password" \
      "\"DATABASE_LISTEN_URL\": \"postgresql://vayu:$password@database:5432/vayu\"" \
      "\"REDIS_URL\": \"redis://:$redis@redis:6379/0\"" \
      "\"VAYU_ALERTS_KEY\": \"$(head -c 32 /dev/urandom | base64 | tr -d '\n')\"")"
  fi
  secret vayu-direct.json "{\"DATABASE_URL\": \"postgresql://vayu:$password@database:5432/vayu\"}"
  if [ "$backups" = backup ] && ! with_profile backup; then
    echo "Backups begin with the next ./deploy.sh start. Where Vayu runs already, it need not be stopped before; but its" \
      "database may be started anew then, and requests fail for up to a minute."
  fi
  case $training,$backups in
  training,none) profiles=training ;;
  none,backup) profiles=backup ;;
  *) profiles=$training,$backups ;;
  esac
  set_value COMPOSE_PROFILES "$profiles"
  set_value VAYU_PORT "$port"
  set_value VAYU_PUBLIC_URL "$url"
  set_value VAYU_LIVE_URL "ws${url#http}/live/ws"
  if [ "$plain" = yes ]; then set_value VAYU_DATABASE_IMAGE docker.io/library/postgres:17-bookworm; fi
  if [ "$training" = training ] && [ -z "$(value VAYU_ARCHIVE_URL)" ]; then set_value VAYU_ARCHIVE_URL file:///archive; fi
  [ -n "$(value VAYU_VERSION)" ] || set_value VAYU_VERSION "$(this_version)"
  echo "Ready to start. Secrets are in .secrets, settings in .env; keys of sources go into .secrets/vayu.json."
}

this_version() {
  git describe --always --dirty 2>/dev/null | tr -c 'A-Za-z0-9_.\n-' '-' || date -u +%Y%m%d%H%M%S
}

require_setup() {
  { [ -e .secrets/vayu.json ] && [ -e .env ]; } || fail "there are no secrets yet; run ./deploy.sh setup first" 2
  command -v python3 >/dev/null || return 0 # the containers say it, too
  python3 - .secrets/vayu.json <<'PY' 2>/dev/null || fail ".secrets/vayu.json is no JSON object of texts; mend it" 2
import json, sys
settings = json.load(open(sys.argv[1]))
assert isinstance(settings, dict) and all(isinstance(text, str) for text in settings.values())
PY
}

require_room() {
  local free place root='{{.DockerRootDir}}'
  [ "$engine" != podman ] || root='{{.Store.GraphRoot}}'
  # Images and volumes may be on another disk than this checkout, or in a machine of their own.
  for place in "$PWD" "$("$engine" info --format "$root" 2>/dev/null)"; do
    [ -e "$place" ] || continue
    free=$(df -Pk "$place" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    [ "${free:-0}" -ge "${VAYU_LEAST_MB:-3000}" ] ||
      fail "only $free MB of this disk are free ($place), and images and a migration want ${VAYU_LEAST_MB:-3000}; make room first"
  done
}

require_port() {
  local port
  port=$(value VAYU_PORT)
  port=${port:-8080}
  [ -n "$(containers proxy)" ] && return
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port of this machine is taken; choose another: ./deploy.sh setup --port N"
  fi
}

containers() { # SERVICE [--all]: ids of what runs of it, or of all that there is, sorted
  "$engine" ps "${@:2}" --quiet --no-trunc --filter label=com.docker.compose.project=vayu \
    --filter "label=com.docker.compose.service=$1" | sort
}

has_image() { "$engine" image inspect "$1" >/dev/null 2>&1; }

build() { # VERSION
  local version=$1 target tag base bases=()
  for base in PYTHON_IMAGE DEBIAN_IMAGE; do
    [ -z "$(value "VAYU_$base")" ] || bases+=(--build-arg "$base=$(value "VAYU_$base")")
  done
  for target in server train pgbouncer; do
    [ "$target" = train ] && ! with_profile training && continue
    tag=localhost/vayu-$target
    [ "$target" = server ] && tag=localhost/vayu
    has_image "$tag:$version" && continue
    echo "Building $tag:$version …"
    "$engine" build --target "$target" --build-arg "VERSION=$version" "${bases[@]}" --tag "$tag:$version" . ||
      fail "$tag could not be built: see above. Without a network, bring images made elsewhere: $engine load --input FILE"
  done
}

migrate() {
  echo "Bringing the database to the schema …"
  "${compose[@]}" run --rm --no-deps migrate ||
    fail "the database was not migrated, and nothing else was changed: see above"
}

health_of() { "$engine" inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1" 2>/dev/null; }

await_health() { # SECONDS ID…
  local end=$((SECONDS + $1)) id
  shift
  for id; do
    until [ "$(health_of "$id")" = healthy ]; do
      [ "$SECONDS" -lt "$end" ] || return 1
      [ "$("$engine" inspect --format '{{.State.Running}}' "$id" 2>/dev/null)" = true ] || return 1
      sleep 1
    done
  done
}

show_last() { # ID: its last lines, and what its health check printed last
  local check
  "$engine" logs --tail 5 "$1" >&2 || true
  check=$("$engine" inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{println .Output}}{{end}}{{end}}' "$1" |
    sed '/^$/d' | tail -n 1) || true
  [ -z "$check" ] || echo "its health check: $check" >&2
}

replace() { # SERVICE: start as many copies again, wait until they are well, then end the old ones
  local service=$1 old new id
  mapfile -t old < <(containers "$service")
  if [ "${#old[@]}" -eq 0 ]; then
    "${compose[@]}" up --detach --no-deps "$service"
    return
  fi
  echo "$service: ${#old[@]} more …"
  "${compose[@]}" up --detach --no-deps --no-recreate --scale "$service=$((2 * ${#old[@]}))" "$service" ||
    fail "$service could not be scaled; the old copies serve on"
  mapfile -t new < <(comm -13 <(printf '%s\n' "${old[@]}" | sort) <(containers "$service"))
  if [ "${#new[@]}" -lt "${#old[@]}" ] || ! await_health 120 "${new[@]}"; then
    for id in "${new[@]}"; do
      show_last "$id"
      "$engine" rm --force "$id" >/dev/null
    done
    fail "the new $service does not become well: its last lines are above. The old copies serve on"
  fi
  # The proxy looks services up every two seconds: it knows the new ones before the old ones end.
  sleep 3
  for id in "${old[@]}"; do
    # For balancers that look at the health check: it fails from now on.
    "$engine" exec "$id" touch /tmp/draining >/dev/null 2>&1 || true
    "$engine" stop --time 35 "$id" >/dev/null
    "$engine" rm "$id" >/dev/null
  done
}

fail_of() { # SERVICE
  local id
  for id in $(containers "$1" --all); do show_last "$id"; done
  fail "$1 does not become well: its last lines are above"
}

runs_of() { # SERVICE: what runs of it, and how often it was started again
  local ids
  mapfile -t ids < <(containers "$1")
  "$engine" inspect --format '{{.Id}} {{.RestartCount}} {{.State.Status}}' "${ids[@]}" 2>/dev/null || true
}

watch_runs() { # SERVICE…: those that have no health check are well where they run on for some seconds
  local service
  local -A before
  for service; do before[$service]=$(runs_of "$service"); done
  sleep "${VAYU_WATCH_S:-10}"
  for service; do
    [[ ${before[$service]} && ${before[$service]} != *restarting* && $(runs_of "$service") = "${before[$service]}" ]] ||
      fail_of "$service"
  done
}

bring_up() { # SERVICE…: start them, and wait until those are well that have a health check
  "${compose[@]}" up --detach --no-deps "$@" || fail "not everything could be started: see above"
  local service ids
  for service; do
    mapfile -t ids < <(containers "$service")
    case $service in
    worker | scheduler | trainer) [ "${#ids[@]}" -gt 0 ] ;;
    *) [ "${#ids[@]}" -gt 0 ] && await_health 180 "${ids[@]}" ;;
    esac || fail_of "$service"
  done
}

bring_up_backup() {
  "${compose[@]}" run --rm --no-deps backup-role || fail "the role of the backups could not be made: see above"
  bring_up backup
}

remove_former_data() { # what restores have moved aside, but for the newest
  local id
  for id in $(containers database); do
    "$engine" exec --interactive --user postgres "$id" sh -s "$(former_keep)" <containers/former-data.sh ||
      echo "warning: former data were not removed: see above" >&2
  done
}

former_keep() {
  local keep
  keep=$(value VAYU_FORMER_KEEP)
  [[ ${keep:=1} =~ ^[1-9][0-9]?$ ]] || fail "VAYU_FORMER_KEEP in .env takes a number from 1 to 99, not $keep" 2
  echo "$keep"
}

start() {
  require_setup
  former_keep >/dev/null
  choose_engine
  require_room
  require_port
  build "$(value VAYU_VERSION)"
  # Step by step: older engines do not wait for what a service depends on.
  bring_up database
  bring_up pgbouncer redis
  migrate
  bring_up api live worker scheduler
  ! with_profile training || bring_up trainer
  bring_up proxy
  # shellcheck disable=SC2046 # none, or one word
  watch_runs worker scheduler $(! with_profile training || echo trainer)
  remove_former_data
  # Last: a backup that fails does not keep the service away.
  ! with_profile backup || bring_up_backup
  echo "Vayu is at $(value VAYU_PUBLIC_URL)"
}

reload_proxy() { # only where nginx.conf has changed: a reload hangs up on clients that are about to ask again
  local proxy
  proxy=$(containers proxy)
  ! "$engine" exec --interactive "$proxy" cmp -s - /tmp/loaded.conf <nginx.conf || return 0
  # A file that was replaced, as git does it, is another than the one that the container holds.
  "$engine" exec --interactive "$proxy" cmp -s - /etc/nginx/vayu.conf <nginx.conf || {
    echo "nginx.conf has changed and the proxy holds the former one; it takes the new one, with a second without answers, by: ${compose[*]} up --detach --no-deps --force-recreate proxy"
    return 0
  }
  "$engine" exec "$proxy" sh -c "nginx -c /etc/nginx/vayu.conf -t -q && nginx -c /etc/nginx/vayu.conf -s reload &&
    cp /etc/nginx/vayu.conf /tmp/loaded.conf" || fail "nginx refuses its configuration and goes on with the former one"
}

update() {
  require_setup
  choose_engine
  require_room
  [ -n "$(containers api)" ] || fail "nothing runs; use ./deploy.sh start"
  local before version
  before=$(value VAYU_VERSION)
  version=${1:-$(this_version)}
  [[ $version =~ ^[A-Za-z0-9_.-]{1,100}$ ]] || fail "a version is made of letters, digits, _, . and -" 2
  build "$version"
  set_value VAYU_VERSION "$version"
  trap 'set_value VAYU_VERSION "$before"' EXIT
  migrate
  replace api
  replace live
  "${compose[@]}" up --detach --no-deps worker scheduler || fail "worker and scheduler could not be replaced"
  ! with_profile training || "${compose[@]}" up --detach --no-deps trainer
  if with_profile backup; then
    # Its scripts are this checkout's.
    "${compose[@]}" up --detach --no-deps --force-recreate backup || fail "backup could not be replaced"
  fi
  reload_proxy
  trap - EXIT
  set_value VAYU_PREVIOUS_VERSION "$before"
  echo "Version $version runs. The way back: ./deploy.sh update $before"
}

health() {
  require_setup
  choose_engine
  local service services=(database pgbouncer redis api live worker scheduler proxy) id state status=0
  ! with_profile training || services+=(trainer)
  ! with_profile backup || services+=(backup)
  for service in "${services[@]}"; do
    for id in $(containers "$service"); do
      state=$(health_of "$id")
      echo "$service ${id:0:12} ${state:-running}"
      [ "${state:-healthy}" = healthy ] || status=1
    done
    [ -n "$(containers "$service")" ] || { echo "$service does not run" && status=1; }
  done
  curl --fail --silent --show-error "http://127.0.0.1:$(value VAYU_PORT)/api/v1/health" || status=1
  echo
  return "$status"
}

logs() { # SERVICE…
  choose_engine
  [ "$engine" = podman ] || exec "${compose[@]}" logs --follow --tail 100 "$@"
  # podman-compose does not find the copies that an update has made.
  local ids=() id service services=("$@")
  [ $# -gt 0 ] || services=(database pgbouncer redis api live worker scheduler trainer backup proxy)
  for service in "${services[@]}"; do
    # One that fails is between two attempts for most of the time.
    for id in $(containers "$service" --all); do ids+=("$id"); done
  done
  [ "${#ids[@]}" -gt 0 ] || fail "nothing of that runs"
  exec podman logs --follow --names --tail 100 "${ids[@]}"
}

stop() {
  choose_engine
  if [ "$engine" = podman ]; then
    # podman-compose would leave the copies that an update has made. The proxy ends first.
    local service id
    for service in proxy backup scheduler worker trainer live api; do
      for id in $(containers "$service" --all); do
        podman stop --time 120 "$id" >/dev/null
        podman rm "$id" >/dev/null
      done
    done
  fi
  "${compose[@]}" down
}

repository() { # IMAGE: without its tag
  local last=${1##*/}
  echo "${1%"$last"}${last%%:*}"
}

pin() {
  choose_engine
  local name image digest each pins=()
  for name in VAYU_PYTHON_IMAGE VAYU_DEBIAN_IMAGE VAYU_DATABASE_IMAGE VAYU_REDIS_IMAGE VAYU_NGINX_IMAGE; do
    image=$(value "$name")
    image=${image%@*}
    [ -n "$image" ] || image=$(sed -n "s/^ARG ${name#VAYU_}=//p" Dockerfile)
    [ -n "$image" ] || image=$(grep --only-matching --max-count=1 "\${$name:-[^}]*" docker-compose.yml | sed 's/^[^-]*-//')
    "$engine" pull --quiet "$image" >/dev/null || fail "$image could not be fetched: see above. Nothing was changed"
    # An image may have several, of other registries or of this machine alone: what counts is what can be fetched by it.
    digest=''
    for each in $("$engine" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" 2>/dev/null); do
      "$engine" pull --quiet "$(repository "$image")@${each##*@}" >/dev/null 2>&1 && digest=${each##*@} && break
    done
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$image did not come from a registry, so it has no digest. Nothing was changed"
    pins+=("$name=$image@$digest")
  done
  for image in "${pins[@]}"; do
    set_value "${image%%=*}" "${image#*=}"
    echo "$image"
  done
}

restore() { # [TIME]
  [ $# -le 1 ] || fail "restore takes one time, such as \"2025-11-05 10:30+05:30\"" 2
  require_setup
  choose_engine
  local service
  for service in database backup; do
    # One that fails is started again and again.
    [ -z "$(containers "$service" --all)" ] || fail "the service $service runs; ./deploy.sh stop first. Nothing was changed"
  done
  "${compose[@]}" --profile restore run --rm --no-deps restore restore /database "$@" ||
    fail "nothing was restored: see above"
  echo "Now ./deploy.sh start; then look at ./deploy.sh health, and try the secrets: docs/continuity.md, \"Restoring\""
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
setup) setup "$@" ;;
start) start ;;
health) health ;;
update) update "$@" ;;
restore) restore "$@" ;;
pin) pin ;;
logs) logs "$@" ;;
stop) stop ;;
*) fail "say setup, start, health, update, restore, pin, logs or stop" 2 ;;
esac
