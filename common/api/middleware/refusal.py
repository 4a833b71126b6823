"""An answer that is an error, as the layers around Flask decide on it; Flask's error handling writes it."""

import msgspec


class Refusal(msgspec.Struct):
    """Why a request is not answered."""

    status: int
    detail: str
    type: str = "about:blank"
    headers: list[tuple[str, str]] = []
