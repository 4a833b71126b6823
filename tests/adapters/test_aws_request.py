"""Requests to AWS: signed as AWS's own library signs them, tried again where that may help, and told in one word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.aws_request import Credentials, Refused, ask, signed

if TYPE_CHECKING:
    from stand_ins import StandIn

words = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789/+=", min_size=1, max_size=40)


@given(
    endpoint=st.sampled_from(
        ["https://sqs.ap-south-1.amazonaws.com/", "http://127.0.0.1:5000/", "https://x.amazonaws.com.cn/a/b"]
    ),
    key=words,
    secret=words,
    token=st.none() | words,
    body=st.binary(max_size=300),
    region=st.sampled_from(["ap-south-1", "us-east-1", "cn-north-1"]),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - as the library below wants it
)
def test_the_signature_is_that_of_botocore(
    endpoint: str, key: str, secret: str, token: str | None, body: bytes, region: str, now: datetime
) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}
    theirs = AWSRequest("POST", endpoint, data=body, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: now)
        auth.SigV4Auth(Theirs(key, secret, token), "sqs", region).add_auth(theirs)
    ours = signed(
        endpoint, headers, body, "sqs", region, Credentials(key, secret, token), now=now.replace(tzinfo=UTC)
    )
    assert ours["authorization"] == theirs.headers["Authorization"]


@pytest.fixture
def asked(stand_in: StandIn, aws: str) -> Any:
    def ask_it(*answers: tuple[int, object]) -> dict[str, Any]:
        stand_in.answer("POST", "/", *answers)
        return ask("sqs", "us-east-1", f"http://{stand_in.address}/", "A.B", {}, version="1.0", timeout_s=5)

    return ask_it


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_may_pass_is_tried_again(asked: Any, stand_in: StandIn, status: int) -> None:
    assert asked((status, {}), (status, {}), (200, {"MessageId": "1"})) == {"MessageId": "1"}
    assert len(stand_in.requests) == 3


def test_it_ends(asked: Any, stand_in: StandIn) -> None:
    with pytest.raises(Refused, match="status 503"):
        asked((503, {}))
    assert len(stand_in.requests) == 3


def test_a_refusal_is_told_by_its_name_alone_and_at_once(asked: Any, stand_in: StandIn) -> None:
    said = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "account 123456789012"}
    with pytest.raises(Refused) as caught:
        asked((400, said))
    assert str(caught.value) == "QueueDoesNotExist"
    assert len(stand_in.requests) == 1


def test_what_is_no_json_object_is_an_error(asked: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        asked((200, ["no", "object"]))
