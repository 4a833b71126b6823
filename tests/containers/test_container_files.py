"""Dockerfile, docker-compose.yml, nginx.conf and the shell scripts, by tools that know them; the absent are skipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SCRIPTS = (
    "deploy.sh",
    "scripts/backup",
    "scripts/containers",
    *(
        f"containers/{n}.sh"
        for n in (
            "backup",
            "backup-role",
            "former-data",
            "pgbouncer",
            "database-init",
            "slim",
            "stand-in-database",
        )
    ),
)


def tool(name: str) -> str:
    """Where a tool of layers/containers is installed."""
    path = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if path is None:
        pytest.skip(f"{name} (make .venv/.containers installs it)")
    return path


def report_of(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_the_compose_file_is_one() -> None:
    status, report = report_of(
        tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"
    )
    assert status == 0, report


def test_the_dockerfile_is_clean() -> None:
    assert report_of(tool("hadolint"), "Dockerfile") == (0, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_are_clean_and_may_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert report_of(tool("shellcheck"), script) == (0, "")


def test_nginx_has_no_known_weakness(tmp_path: Path) -> None:
    config = with_resolver(tmp_path)
    # The API itself refuses what it does not know, and links are made of VAYU_PUBLIC_URL, not of the header Host.
    skipped = "host_spoofing"
    status, report = report_of(tool("gixy"), "--skips", skipped, "-l", "-f", "json", config)
    assert (status, report.strip()) == (0, "[]"), report


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    installed = os.environ.get("VAYU_TEST_NGINX")
    if not installed:
        pytest.skip("nginx (VAYU_TEST_NGINX is not set; see scripts/nginx)")
    root = Path(installed) / "root"
    loader = next(root.rglob("ld-linux-*.so.*"))
    libraries = next(root.rglob("libc.so.6")).parent
    command = (loader, "--library-path", libraries, root / "usr/sbin/nginx")
    config = with_resolver(tmp_path)
    status, report = report_of(*command, "-t", "-p", tmp_path, "-e", "stderr", "-c", config)
    assert status == 0, report
    assert "[warn]" not in report


def with_resolver(folder: Path) -> Path:
    """nginx.conf with files of this folder in place of those in /tmp."""
    (folder / "resolver.conf").write_text("resolver 127.0.0.1:5353 valid=2s ipv6=off;\n", encoding="utf-8")
    config = folder / "nginx.conf"
    text = (ROOT / "nginx.conf").read_text(encoding="utf-8")
    config.write_text(text.replace("/tmp/", f"{folder}/"), encoding="utf-8")  # noqa: S108
    return config


def test_only_the_proxy_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert all(volume.endswith(":ro") or not volume.startswith("./") for volume in service.get("volumes", []))


def test_the_database_can_be_told_to_end() -> None:
    # Its init process is root's and its server another user's: without KILL the one may not signal the other.
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"database"}
    assert "KILL" in SERVICES["database"]["cap_add"]


@pytest.mark.parametrize("name", sorted({"database", "pgbouncer", "redis", "api", "live", "proxy"}))
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_no_service_has_the_health_check_of_another() -> None:
    # The image's own is the API's.
    for name, service in SERVICES.items():
        if service["image"].startswith("${VAYU_IMAGE"):
            check = service["healthcheck"]
            port = {"api": ":8080/api/v1/health", "live": ":8081/health"}.get(name)
            assert check == {"disable": True} if port is None else port in check["test"][-1], name


def test_everything_waits_for_the_schema() -> None:
    for name in ("api", "live", "worker", "scheduler", "trainer"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_backups_begin_when_the_database_is_well_and_their_role_is_there() -> None:
    assert SERVICES["backup-role"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"}
    }
    assert SERVICES["backup"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "backup-role": {"condition": "service_completed_successfully"},
    }
    # The programs, and TimescaleDB's library, are those of the server.
    assert {SERVICES[name]["image"] for name in ("backup", "backup-role", "restore")} == {
        SERVICES["database"]["image"]
    }
    assert [name for name, service in SERVICES.items() if "backup" in service.get("profiles", [])] == [
        "backup-role", "backup",
    ]  # fmt: skip
    # The superuser's password is where the role is made, and not where backups are.
    assert SERVICES["backup"]["secrets"] == SERVICES["restore"]["secrets"] == ["database_backup"]
    assert [
        name for name, service in SERVICES.items() if "database:/database" in service.get("volumes", [])
    ] == ["restore"]


def test_the_server_lets_in_who_makes_backups() -> None:
    command = SERVICES["database"]["command"]
    assert command[0] == "postgres"
    settings = dict(word.split("=", 1) for word in command if "=" in word)
    assert "./containers/pg_hba.conf:/etc/vayu/pg_hba.conf:ro" in SERVICES["database"]["volumes"]
    assert settings.pop("hba_file") == "/etc/vayu/pg_hba.conf"
    assert settings == {
        "wal_level": "replica",
        "max_wal_senders": "10",
        "max_slot_wal_keep_size": "${VAYU_BACKUP_LOG:-10GB}",
    }
    lines = (ROOT / "containers/pg_hba.conf").read_text(encoding="utf-8").splitlines()
    by_network = [line.split() for line in lines if line.startswith("host")]
    assert by_network == [
        ["host", "all", "all", "all", "scram-sha-256"],
        ["host", "replication", "vayu_backup", "all", "scram-sha-256"],
    ]


def test_no_secret_is_an_environment_variable() -> None:
    for name, service in SERVICES.items():
        for variable, text in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|KEY|TOKEN|DATABASE_URL|REDIS_URL", variable)
            assert not secret or str(text).startswith("/run/secrets/"), f"{name}: {variable}"


def test_images_name_a_version() -> None:
    for name, service in SERVICES.items():
        image = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", service["image"])
        assert image.startswith("localhost/") or not image.endswith(":latest"), f"{name}: {image}"
        assert ":" in image.rpartition("/")[2]


def bases() -> list[str]:
    """What images of others are named: by Dockerfile, docker-compose.yml, deploy.sh and the workflows."""
    named = re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    named += [
        re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", service["image"])
        for service in SERVICES.values()
        if "localhost/" not in service["image"]
    ]
    for path in (ROOT / "deploy.sh", *sorted((ROOT / ".github/workflows").glob("*.yml"))):
        named += re.findall(r"\bdocker\.io/[\w./:@-]+", path.read_text(encoding="utf-8"))
    return sorted(set(named))


def test_a_base_is_pinned_or_the_page_says_why_not() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    own = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE))
    assert {stage for stage in stages if stage not in own} == {"${PYTHON_IMAGE}", "${DEBIAN_IMAGE}"}
    unpinned = [base for base in bases() if not re.search(r"@sha256:[0-9a-f]{64}$", base)]
    page = (ROOT / "docs/containers.md").read_text(encoding="utf-8")
    section = page.partition("## Pinned bases")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^- `(docker\.io/[^`]+)`", section, re.MULTILINE)) == unpinned


def test_the_images_run_as_nobody_in_particular() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    [server] = [stage for stage in stages if re.match(r"\S+ AS server\n", stage)]
    [base] = [stage for stage in stages if re.match(r"\S+ AS base\n", stage)]
    assert "\nUSER 10001:10001\n" in base
    assert "\nHEALTHCHECK " in server
    assert '["python3", "-c"' in server
    assert "# syntax" not in DOCKERFILE
    assert re.findall(r"COPY --from=(\S+)", DOCKERFILE) == [
        "train-packages", "code", "packages", "code", "dashboard",
    ]  # fmt: skip


@pytest.mark.parametrize("path", [".git", ".env", ".secrets", "tests", "node_modules", ".venv", ".vayu"])
def test_what_is_no_part_of_an_image_does_not_reach_the_builder(path: str) -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    assert f"!{path}" not in lines


class TestDeploy:
    """deploy.sh where there is neither Docker nor podman."""

    @pytest.fixture
    def checkout(self, tmp_path: Path) -> Path:
        for name in ("deploy.sh", "docker-compose.yml", "containers/former-data.sh"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
        return tmp_path

    @staticmethod
    def deploy(checkout: Path, *words: str, **env: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", checkout / "deploy.sh", *words],
            capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": str(checkout), "VAYU_WATCH_S": "0", **env},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def test_setup_makes_secrets_once(self, checkout: Path) -> None:
        status, output = self.deploy(checkout, "setup", "--port", "9123", "--url", "https://air.example.org")
        assert status == 0, output
        secrets = {path.name: path.read_text() for path in (checkout / ".secrets").iterdir()}
        assert secrets.keys() == {
            "database-backup", "database-password", "database-superuser", "redis.conf", "vayu.json", "vayu-direct.json",
        }  # fmt: skip
        assert (checkout / ".secrets").stat().st_mode & 0o077 == 0
        settings = yaml.safe_load(secrets["vayu.json"])
        assert secrets["database-password"].strip() in settings["DATABASE_URL"]
        assert not any(text.strip() in output for text in secrets.values())
        env = (checkout / ".env").read_text()
        assert "VAYU_LIVE_URL=wss://air.example.org/live/ws\n" in env
        assert self.deploy(checkout, "setup", "--plain")[0] == 0
        assert {path.name: path.read_text() for path in (checkout / ".secrets").iterdir()} == secrets
        assert "VAYU_DATABASE_IMAGE=docker.io/library/postgres:17" in (checkout / ".env").read_text()

    @staticmethod
    def settings(checkout: Path) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (checkout / ".env").read_text().splitlines())

    def test_setup_changes_what_is_named_and_keeps_the_rest(self, checkout: Path) -> None:
        self.deploy(
            checkout, "setup", "--without-training", "--port", "9123", "--url", "https://air.example.org"
        )
        before = self.settings(checkout)
        status, output = self.deploy(checkout, "setup", "--backups")
        assert (status, output.partition(".")[0]) == (0, "Backups begin with the next ")
        assert "its database may be started anew" in output
        assert "Backups" not in self.deploy(checkout, "setup", "--backups")[1]
        assert self.settings(checkout) == before | {"COMPOSE_PROFILES": "backup"}
        assert self.deploy(checkout, "setup", "--port", "9124", "--with-training")[0] == 0
        after = self.settings(checkout)
        assert after["COMPOSE_PROFILES"] == "training,backup"
        assert (after["VAYU_PORT"], after["VAYU_PUBLIC_URL"]) == ("9124", "https://air.example.org")
        assert after["VAYU_LIVE_URL"] == "wss://air.example.org/live/ws"

    def test_an_address_of_this_machine_goes_with_the_port(self, checkout: Path) -> None:
        self.deploy(checkout, "setup")
        assert self.settings(checkout)["VAYU_PUBLIC_URL"] == "http://127.0.0.1:8080"
        self.deploy(checkout, "setup", "--port", "9124")
        assert self.settings(checkout)["VAYU_PUBLIC_URL"] == "http://127.0.0.1:9124"
        assert self.settings(checkout)["VAYU_LIVE_URL"] == "ws://127.0.0.1:9124/live/ws"

    def test_its_secrets_are_settings(self, checkout: Path) -> None:
        from common.adapters.secrets import read_secrets
        from common.config import from_mapping

        self.deploy(checkout, "setup")
        for name in ("vayu.json", "vayu-direct.json"):
            settings = from_mapping(read_secrets((checkout / ".secrets" / name).as_uri()))
            assert settings.database_url is not None
        assert from_mapping(read_secrets((checkout / ".secrets/vayu.json").as_uri())).alerts_key is not None

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "say setup, start, health, update, restore, pin, logs or stop"),
            (("launch",), "say setup, start, health, update, restore, pin, logs or stop"),
            (("setup", "--port", "70000"), "--port takes a number from 1 to 65535"),
            (("setup", "--url", "air.example.org"), "--url takes an address such as"),
            (("start",), "run ./deploy.sh setup first"),
            (("update",), "run ./deploy.sh setup first"),
        ],
    )
    def test_misuse_is_refused_with_a_sentence(
        self, words: tuple[str, ...], sentence: str, checkout: Path
    ) -> None:
        status, output = self.deploy(checkout, *words)
        assert (status, output.count("\n")) == (2, 1)
        assert sentence in output

    def test_a_secret_that_was_spoilt_is_refused(self, checkout: Path) -> None:
        self.deploy(checkout, "setup")
        (checkout / ".secrets/vayu.json").unlink()
        (checkout / ".secrets/vayu.json").write_text("{")
        status, output = self.deploy(checkout, "start")
        assert (status, output) == (2, "error: .secrets/vayu.json is no JSON object of texts; mend it\n")

    def test_without_an_engine_it_says_what_to_install(self, checkout: Path) -> None:
        self.deploy(checkout, "setup")
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE="no-such-engine compose")
        assert (status, output.count("\n")) == (1, 1)
        assert output.startswith("error: no-such-engine does not answer")

    @pytest.mark.parametrize("free", [0, 1])
    def test_a_full_disk_and_a_taken_port_are_noticed(self, free: int, checkout: Path) -> None:
        import socket

        engine = checkout / "engine"  # answers, and runs nothing
        engine.write_text("#!/bin/sh\nexit 0\n")
        engine.chmod(0o755)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.deploy(checkout, "setup", "--port", port)
            least = {"VAYU_LEAST_MB": "999999999"} if not free else {"VAYU_LEAST_MB": "1"}
            status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", **least)
        assert (status, output.count("\n")) == (1, 1)
        assert (f"port {port} of this machine is taken" if free else "of this disk are free") in output

    @pytest.fixture
    def engine(self, checkout: Path) -> Path:
        """An engine that writes down what it is to do, and for which everything is well at once."""
        engine = checkout / "engine"
        engine.write_text(
            '#!/bin/sh\necho "$*" >>"$0.log"\n'
            'case "$1 $2" in "compose run") exit "${MIGRATED:-0}" ;; ps*) echo 1 ;; inspect*) echo healthy ;; esac\n'
        )
        engine.chmod(0o755)
        assert self.deploy(checkout, "setup")[0] == 0
        return engine

    @staticmethod
    def composed(engine: Path) -> list[str]:
        lines = Path(f"{engine}.log").read_text().splitlines()
        return [line.removeprefix("compose ") for line in lines if line.startswith("compose ")]

    def test_it_starts_what_others_need_first(self, checkout: Path, engine: Path) -> None:
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert status == 0, output
        assert self.composed(engine) == [
            "up --detach --no-deps database",
            "up --detach --no-deps pgbouncer redis",
            "run --rm --no-deps migrate",
            "up --detach --no-deps api live worker scheduler",
            "up --detach --no-deps trainer",
            "up --detach --no-deps proxy",
        ]
        assert output.endswith("Vayu is at http://127.0.0.1:8080\n")
        # When all is well, and by the database's own user, what former restores have set aside.
        done = Path(f"{engine}.log").read_text().splitlines()
        removal = done.index("exec --interactive --user postgres 1 sh -s 1")
        assert removal > done.index("compose up --detach --no-deps proxy")
        with (checkout / ".env").open("a") as env:
            env.write("VAYU_FORMER_KEEP=3\n")
        self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert "exec --interactive --user postgres 1 sh -s 3" in Path(f"{engine}.log").read_text()

    def test_how_much_is_kept_of_former_data_is_a_number(self, checkout: Path, engine: Path) -> None:
        with (checkout / ".env").open("a") as env:
            env.write("VAYU_FORMER_KEEP=none\n")
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert (status, output) == (
            2,
            "error: VAYU_FORMER_KEEP in .env takes a number from 1 to 99, not none\n",
        )
        assert not Path(f"{engine}.log").exists()

    def test_a_worker_that_fails_again_and_again_is_noticed(self, checkout: Path, engine: Path) -> None:
        counted = 'case "$*" in *RestartCount*) echo x >>"$0.starts"; wc -l <"$0.starts"; exit ;; esac\n'
        engine.write_text(engine.read_text().replace('case "$1 $2"', f'{counted}case "$1 $2"', 1))
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert status == 1
        assert output.endswith("error: worker does not become well: its last lines are above\n")

    def test_what_does_not_become_well_is_shown_by_its_last_lines(self, checkout: Path, engine: Path) -> None:
        failing = engine.read_text().replace(
            "inspect*) echo healthy", 'logs*) echo "FATAL: so it is" ;; inspect*) echo false'
        )
        engine.write_text(failing)
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert (status, self.composed(engine)) == (1, ["up --detach --no-deps database"])
        assert "FATAL: so it is\nits health check: false\nerror: database does not become well: " in output

    def test_health_tells_of_every_service_that_is_to_run(self, checkout: Path, engine: Path) -> None:
        for words, more in (
            (("--backups",), ["trainer", "backup"]),
            (("--without-backups", "--without-training"), []),
        ):
            assert self.deploy(checkout, "setup", *words)[0] == 0
            _, output = self.deploy(checkout, "health", VAYU_COMPOSE=f"{engine} compose")
            assert [line.split()[0] for line in output.splitlines() if line.endswith(" healthy")] == [
                "database", "pgbouncer", "redis", "api", "live", "worker", "scheduler", "proxy", *more,
            ]  # fmt: skip

    def test_bases_are_pinned_by_one_command(self, checkout: Path, engine: Path) -> None:
        shutil.copy(ROOT / "Dockerfile", checkout / "Dockerfile")
        digest = "sha256:" + "0123456789abcdef" * 4
        # Another registry's digest comes first: nothing can be fetched by it.
        other = "sha256:" + "f" * 64
        inspected = f'"image inspect") echo "elsewhere/image@{other}"; echo "somewhere/image@{digest}" ;;'
        pulled = f'pull*) case "$*" in *@{other}) exit 1 ;; esac; exit "${{PULLED:-0}}" ;;'
        engine.write_text(f'{engine.read_text()}case "$1 $2" in {inspected} {pulled} esac\n')
        self.deploy(checkout, "setup", "--plain")
        before = (checkout / ".env").read_text()
        status, output = self.deploy(checkout, "pin", VAYU_COMPOSE=f"{engine} compose", PULLED="1")
        assert (status, (checkout / ".env").read_text()) == (1, before)
        assert output == (
            "error: docker.io/library/python:3.13-slim could not be fetched: see above. Nothing was changed\n"
        )
        for _ in range(2):
            status, output = self.deploy(checkout, "pin", VAYU_COMPOSE=f"{engine} compose")
            assert status == 0, output
            pinned = dict(line.split("=", 1) for line in output.splitlines())
            assert pinned.keys() == {
                f"VAYU_{name}_IMAGE" for name in ("PYTHON", "DEBIAN", "DATABASE", "REDIS", "NGINX")
            }
            assert pinned["VAYU_DATABASE_IMAGE"] == f"docker.io/library/postgres:17-bookworm@{digest}"
            assert {image.partition("@")[0] for image in pinned.values()} <= set(bases())
            assert set(output.splitlines()) <= set((checkout / ".env").read_text().splitlines())

    def test_backups_are_switched_on_and_stay_so(self, checkout: Path, engine: Path) -> None:
        assert self.deploy(checkout, "setup", "--backups", "--without-training")[0] == 0
        assert "COMPOSE_PROFILES=backup\n" in (checkout / ".env").read_text()
        assert self.deploy(checkout, "setup", "--port", "8081", "--with-training")[0] == 0
        assert "COMPOSE_PROFILES=training,backup\n" in (checkout / ".env").read_text()
        status, output = self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert status == 0, output
        composed = self.composed(engine)
        assert composed[composed.index("up --detach --no-deps trainer") :] == [
            "up --detach --no-deps trainer",
            "up --detach --no-deps proxy",
            "run --rm --no-deps backup-role",
            "up --detach --no-deps backup",
        ]
        assert self.deploy(checkout, "setup", "--without-backups")[0] == 0
        assert "COMPOSE_PROFILES=training\n" in (checkout / ".env").read_text()

    def test_nothing_is_restored_into_a_database_that_runs(self, checkout: Path, engine: Path) -> None:
        status, output = self.deploy(checkout, "restore", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        assert (status, output) == (
            1,
            "error: the service database runs; ./deploy.sh stop first. Nothing was changed\n",
        )
        assert self.composed(engine) == []

    def test_a_moment_is_restored_while_nothing_runs(self, checkout: Path, engine: Path) -> None:
        engine.write_text(engine.read_text().replace("ps*) echo 1", "ps*)"))
        time = "2025-11-05 10:30+05:30"
        status, output = self.deploy(
            checkout, "restore", time, VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1"
        )
        assert status == 0, output
        assert self.composed(engine) == [
            f"--profile restore run --rm --no-deps restore restore /database {time}"
        ]

    def test_nothing_is_served_from_a_database_that_could_not_be_migrated(
        self, checkout: Path, engine: Path
    ) -> None:
        status, output = self.deploy(
            checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1", MIGRATED="1"
        )
        assert status == 1
        assert "error: the database was not migrated, and nothing else was changed" in output
        assert not [line for line in self.composed(engine) if " api" in line]

    def test_pinned_bases_reach_the_builder(self, checkout: Path, engine: Path) -> None:
        with (checkout / ".env").open("a") as env:
            env.write("VAYU_PYTHON_IMAGE=registry.example/python@sha256:00\n")
        engine.write_text(engine.read_text() + '[ "$1" != image ]\n')
        self.deploy(checkout, "start", VAYU_COMPOSE=f"{engine} compose", VAYU_LEAST_MB="1")
        built = [line for line in Path(f"{engine}.log").read_text().splitlines() if line.startswith("build ")]
        assert len(built) == 3
        assert all(
            "--build-arg PYTHON_IMAGE=registry.example/python@sha256:00 --tag" in line for line in built
        )
