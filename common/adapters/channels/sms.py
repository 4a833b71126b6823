"""Alerts by SMS: one channel over Amazon SNS, Twilio, or a file where nothing is to be sent.

India's operators pass on a text only if it fits a template that its sender has registered with them (DLT): the numbers
of these are VAYU_SMS_DLT, and the texts are in docs/alerts.md.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from common.adapters.aws.client import client, reason
from common.adapters.channels.guard import Answer, Guard
from common.adapters.channels.webhook import taken
from common.domain.errors import ConfigError, DataError
from common.ports import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from common.ports import AlertAddress, AlertMessage

_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
_INDIA = "91"
_INDIAN_MOBILE = re.compile(r"\+91[6-9][0-9]{9}")
_BLANKS = str.maketrans("", "", " -.()\u00a0")
_ANSWER_BYTES = 4096
ACCEPTED = 200

_LOOPBACK = ("127.0.0.1", "localhost")
_BAD_NUMBER = frozenset({21211, 21214, 21217, 21265, 21401, 21408, 21421, 21612, 21614})
"""Twilio's errors that are the number's: no number, no mobile, a country that the account may not send to"""
_OPTED_OUT = 21610
"""Twilio's error for a number whose owner has answered STOP"""


@dataclass(frozen=True, slots=True)
class Sms:
    """One text for one number."""

    id: str
    at: datetime
    to: str
    """E.164"""
    text: str
    template: str
    """Name of its kind, such as ``measured-en``: which registered template it follows"""


class SmsGateway(Protocol):
    """Whoever sends texts."""

    def send(self, sms: Sms) -> int:
        """Send it; the status of the answer. Raises NotDelivered when it was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class SmsChannel:
    """Texts to mobile numbers of the countries that the operator pays for."""

    gateway: SmsGateway
    countries: tuple[str, ...] = (_INDIA,)
    """Calling codes without ``+``; none: all. Whoever may state any number can run up a bill."""

    def check(self, address: str) -> str:
        """The number in E.164, without blanks, hyphens and parentheses.

        Raises:
            DataError: when it is none, or of another country.
        """
        number = address.strip().translate(_BLANKS)
        if not _NUMBER.fullmatch(number):
            raise DataError(
                "the number must be written with + and the country's code, such as +91 98765 43210"
            )
        if self.countries and not any(number.startswith(f"+{code}") for code in self.countries):
            allowed = ", ".join(f"+{code}" for code in self.countries)
            raise DataError(f"texts are only sent to numbers that begin with {allowed}")
        if number.startswith(f"+{_INDIA}") and not _INDIAN_MOBILE.fullmatch(number):
            raise DataError("an Indian mobile number has 10 digits after +91, the first of them 6 to 9")
        return number

    def send(self, message: AlertMessage, to: AlertAddress) -> int:
        """Hand it to the gateway; the status of its answer. Raises NotDelivered when it was not taken."""
        return self.gateway.send(
            Sms(message.id, message.sent_at, to.address, message.text, template_name(message))
        )


def template_name(message: AlertMessage) -> str:
    """Which text of docs/alerts.md it is: ``measured``, ``forecast``, ``over-…`` or ``test``, and its language."""
    kind = str(message.data.get("type", "")).removeprefix("alert.")
    details = message.data.get("data", {})
    basis = "forecast" if details.get("basis") == "forecast" else "measured"
    names = {"firing": basis, "repeat": basis, "clear": f"over-{basis}"}
    return f"{names.get(kind, kind)}-{message.language}"


def sms_gateway(url: str, dlt: Mapping[str, str]) -> SmsGateway:
    """Of ``sns://region``, ``twilio://sid:token@api.twilio.com/+from`` or ``file:///path``.

    Raises:
        ConfigError: when it is none of these.
    """
    parts = urlsplit(url)
    if parts.scheme == "sns":
        sender = parse_qs(parts.query).get("sender", [None])[0]
        return SnsGateway(parts.netloc, sender, dlt)
    if parts.scheme == "twilio":
        return TwilioGateway(url)
    if parts.scheme == "file":
        return FileGateway(Path(unquote(parts.path)))
    raise ConfigError("VAYU_SMS_URL must begin with sns://, twilio:// or file:///")


@dataclass(frozen=True)
class SnsGateway:
    """Amazon SNS, with the function's own role, which must be allowed sns:Publish."""

    region: str
    sender: str | None
    """Up to 11 letters and digits in the place of a number; India's operators want it registered"""
    dlt: Mapping[str, str] = field(default_factory=dict)
    """``entity`` and the names of templates → numbers of the registration"""

    def send(self, sms: Sms) -> int:
        """Publish it; 200. Raises NotDelivered, permanent where SNS finds fault with the number."""
        from botocore.exceptions import BotoCoreError, ClientError

        texts = {
            "AWS.SNS.SMS.SMSType": "Transactional",
            "AWS.SNS.SMS.SenderID": self.sender,
            "AWS.MM.SMS.EntityId": self.dlt.get("entity"),
            "AWS.MM.SMS.TemplateId": self.dlt.get(sms.template),
        }
        attributes = {
            name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text
        }
        try:
            answer = self._client.publish(PhoneNumber=sms.to, Message=sms.text, MessageAttributes=attributes)
        except ClientError as error:
            code = reason(error)
            permanent = code in {"InvalidParameter", "InvalidParameterValue", "OptedOut"}
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise NotDelivered(
                f"SNS did not take the text: {code}", status=status, permanent=permanent
            ) from error
        except BotoCoreError as error:
            raise NotDelivered(f"SNS did not answer: {reason(error)}") from error
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    @cached_property
    def _client(self) -> Any:
        return client("sns", self.region, answer_s=4)  # of three attempts: less than the 15 s of a channel


class TwilioGateway:
    """Twilio's REST interface, of 2010-04-01, or whatever answers like it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        account = unquote(parts.username or "")
        scheme = "http" if parts.hostname in _LOOPBACK else "https"
        origin = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        self._address = f"{origin}/2010-04-01/Accounts/{account}/Messages.json"
        self._sender = unquote(parts.path).strip("/")
        login = b64encode(f"{account}:{unquote(parts.password or '')}".encode()).decode("ascii")
        self._headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        # For its limit of the whole time; the address is the operator's, so it is allowed.
        self._guard = Guard([origin])

    def send(self, sms: Sms) -> int:
        """Post it; 201. Raises NotDelivered: final after a STOP, permanent where the number is at fault."""
        sender = "MessagingServiceSid" if self._sender.startswith("MG") else "From"
        form = urlencode({"To": sms.to, sender: self._sender, "Body": sms.text}).encode()
        answer = self._guard.post(self._address, form, self._headers, most=_ANSWER_BYTES)
        code = _twilio_code(answer)
        if answer.status >= 400 and code is not None:
            raise NotDelivered(
                f"Twilio did not take the text: error {code}",
                status=answer.status,
                final=code == _OPTED_OUT,
                permanent=code in _BAD_NUMBER,
            )
        return taken(answer, sms.at)


def _twilio_code(answer: Answer) -> int | None:
    """The number of its error; the words beside it repeat the recipient's number. Of 429 the header says more."""
    try:
        code = json.loads(answer.body)["code"] if answer.status != 429 else None
    except (ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None


@dataclass(frozen=True, slots=True)
class FileGateway:
    """Appends each text to a file, as a line of JSON: to try rules out, or for a gateway of one's own to read."""

    path: Path

    def send(self, sms: Sms) -> int:
        """Append it; 200. Raises NotDelivered when the file cannot be written."""
        line = {
            "id": sms.id,
            "time": sms.at.isoformat(),
            "to": sms.to,
            "text": sms.text,
            "template": sms.template,
        }
        try:
            # One write to a file opened for appending: several processes do not mix their lines.
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            finally:
                os.close(handle)
        except OSError as error:
            raise NotDelivered("the file of VAYU_SMS_URL cannot be written") from error
        return ACCEPTED
