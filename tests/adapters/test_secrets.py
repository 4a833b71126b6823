"""Where the platform keeps secrets: a real moto server for AWS, real files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from common.adapters.secrets import read_secrets
from common.domain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from stand_ins import StandIn

SECRET = {"DATABASE_URL": "postgresql://vayu:very-secret@db:5432/vayu", "IQAIR_API_KEY": "k-123"}


@pytest.mark.parametrize("name", ["vayu/prod", "vayu", "vayu/prod+a=b@c"])
def test_a_secret_of_secrets_manager(aws: str, name: str) -> None:
    client = boto3.client("secretsmanager", region_name="ap-south-1")
    client.create_secret(Name=name, SecretString=json.dumps(SECRET))
    try:
        assert read_secrets(f"secretsmanager://ap-south-1/{name}") == SECRET
    finally:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("name", ["/vayu/prod", "vayu-prod"])
def test_an_encrypted_parameter(aws: str, name: str) -> None:
    client = boto3.client("ssm", region_name="ap-south-1")
    client.put_parameter(Name=name, Value=json.dumps(SECRET), Type="SecureString", Overwrite=True)
    assert read_secrets(f"ssm://ap-south-1/{name.lstrip('/')}") == SECRET


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "vayu secrets.json").write_text(json.dumps(SECRET))
    assert read_secrets((tmp_path / "vayu secrets.json").as_uri()) == SECRET


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_what_is_not_there_is_told_by_its_name(aws: str, service: str) -> None:
    with pytest.raises(ConfigError, match=r"vayu/none.*NotFound"):
        read_secrets(f"{service}://ap-south-1/vayu/none")


@pytest.mark.parametrize(
    "text", ["very-secret", '["very-secret"]', '{"DATABASE_URL": 1, "a": "very-secret"}', ""]
)
def test_what_is_no_object_of_texts_is_refused_and_not_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(ConfigError, match="must be a JSON object") as caught:
        read_secrets((tmp_path / "s.json").as_uri())
    assert "very-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vayu/prod",
        "s3://bucket/key",
        "secretsmanager://vayu",
        "secretsmanager://nowhere/vayu",
        "file://x",
    ],
)
def test_addresses_of_another_kind_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="VAYU_SECRETS"):
        read_secrets(url)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secrets((tmp_path / "none.json").as_uri())


def test_a_service_that_does_not_answer_is_told(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="does not answer"):
        read_secrets("secretsmanager://ap-south-1/vayu")


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_a_service_that_is_asked_too_often_is_asked_again(
    aws: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{stand_in.address}")
    text = json.dumps(SECRET)
    answer = {"SecretString": text, "Parameter": {"Value": text}}
    stand_in.answer("POST", "/", (400, {"__type": "ThrottlingException", "message": "slower"}), (200, answer))

    assert read_secrets(f"{service}://ap-south-1/vayu") == SECRET
    assert len(stand_in.requests) == 2


def test_nothing_of_the_account_is_told(aws: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{stand_in.address}")
    refused = {"__type": "AccessDeniedException", "Message": "user 987654321098 may not"}
    stand_in.answer("POST", "/", (400, refused))

    with pytest.raises(ConfigError, match=r"cannot be read: AccessDeniedException$") as caught:
        read_secrets("secretsmanager://ap-south-1/vayu")
    assert caught.value.__suppress_context__
