"""The tools that deploy take our descriptions: AWS SAM and osls, against a stand-in for AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer
from templates import ROOT, Loader, read

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = read("serverless.yml")
IMAGE = "123456789012.dkr.ecr.ap-south-1.amazonaws.com/vayu-train"
BUCKET = "artefacts"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both descriptions, with something in the place of each artefact: what is in them is tests/packaging's."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("template.yaml", "serverless.yml"):
        shutil.copy(ROOT / name, folder)
    for layer in SERVICE["layers"].values():
        (folder / layer["path"] / "python").mkdir(parents=True)
        (folder / layer["path"] / "python" / "x.py").touch()
    for function in SERVICE["functions"].values():
        if artefact := function.get("package", {}).get("artifact"):
            code = (folder / artefact).with_suffix("")
            code.mkdir(parents=True)
            (code / "x.py").touch()
            with zipfile.ZipFile(folder / artefact, "w") as archive:
                archive.write(code / "x.py", "x.py")
    return folder


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What makes a stand-in AWS; it knows one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    named = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "ap-south-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
    }
    s3 = boto3.client(
        "s3",
        endpoint_url=named["AWS_ENDPOINT_URL"],
        region_name="ap-south-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # noqa: S106 — a stand-in takes any
    )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    s3.close()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    yield inherited | named
    server.stop()


def run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def sam() -> str:
    own = ROOT / ".vayu" / "sam" / "bin" / "sam"
    result = str(own) if own.exists() else shutil.which("sam")
    if result is None:
        pytest.skip("AWS SAM is not here: make sam")
    return result


@pytest.fixture(scope="module")
def osls() -> list[str | Path]:
    node, script = (
        Path(sys.executable).with_name("node"),
        ROOT / ".vayu/osls/node_modules/osls/bin/serverless.js",
    )
    if not script.exists():
        pytest.skip("osls is not here: make osls")
    return [node, script]


def test_sam_finds_nothing_wrong(sam: str, project: Path, environment: dict[str, str]) -> None:
    assert "is a valid SAM Template" in run([sam, "validate", "--lint"], project, environment)


def test_sam_builds_a_function_that_is_no_image(sam: str, project: Path, environment: dict[str, str]) -> None:
    run([sam, "build", "ApiFunction", "--build-dir", "sam-build"], project, environment)
    assert (project / "sam-build" / "ApiFunction" / "x.py").exists()


def test_sam_takes_everything_to_aws_where_the_image_is_there_already(
    sam: str, project: Path, environment: dict[str, str]
) -> None:
    """What `sam deploy` does first; `sam build`, which would want to build the image, was not called."""
    packed = ["--output-template-file", "packed.yaml", "--s3-bucket", BUCKET, "--image-repository", IMAGE]
    run([sam, "package", *packed], project, environment)
    resources = yaml.load((project / "packed.yaml").read_text(), Loader)["Resources"]  # noqa: S506 - a safe one
    for resource in resources.values():
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion"):
            given = resource["Properties"]
            where = given.get("CodeUri") or given.get("ContentUri")
            if where is None:
                assert given["ImageUri"]["Fn::If"][:2] == ["HasImage", {"Ref": "TrainImageUri"}]
            else:
                assert where.startswith(f"s3://{BUCKET}/")


def test_osls_packs_all_functions(osls: list[str | Path], project: Path, environment: dict[str, str]) -> None:
    digest = "sha256:" + "0" * 64
    given = [f"--param=train_image={IMAGE}@{digest}", "--param=tracing=PassThrough"]
    statement = run([*osls, "package", *given], project, environment)
    assert "Invalid configuration" not in statement
    made = json.loads((project / ".serverless" / "cloudformation-template-update-stack.json").read_text())
    functions = {
        resource["Properties"]["FunctionName"]: resource["Properties"]
        for resource in made["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert sorted(functions) == sorted(f"vayu-prod-{unit}" for unit in SERVICE["functions"])
    assert functions["vayu-prod-train"]["Code"]["ImageUri"].endswith(digest)
    for name, function in functions.items():
        assert ("DeadLetterConfig" in function) == (name != "vayu-prod-api")
        assert function["TracingConfig"] == {"Mode": "PassThrough"}
    stored = {
        name
        for name, resource in read("template.yaml")["Resources"].items()
        if "::Serverless::" not in resource["Type"]
    }
    assert stored <= made["Resources"].keys()
