"""What a request's headers say of the answer it wants."""

from functools import lru_cache

from werkzeug.datastructures import Accept
from werkzeug.http import generate_etag, parse_accept_header, parse_etags, quote_etag

_LONGEST = 4096


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is welcome."""
    return parse_accept_header(accept_encoding[:_LONGEST], Accept).quality("gzip") > 0


def entity_tag(body: bytes) -> str:
    """A weak tag: the answer with gzip and the one without differ in their bytes, not in what they say."""
    return quote_etag(generate_etag(body), weak=True)


def matches(if_none_match: str, tag: str) -> bool:
    """Whether a tag is among those that the client has, by weak comparison (RFC 9110, 8.8.3.2 and 13.1.2)."""
    return if_none_match == tag or parse_etags(if_none_match[:_LONGEST]).contains_raw(tag)
