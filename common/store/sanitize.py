"""What PostgreSQL can keep of a text."""


def sanitize(text: str) -> str:
    """The text without what its text type cannot hold: NUL, and halves of surrogate pairs, which JSON can carry."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
