"""Pages behind the links of alerts' mails: scanners open links, so that nothing happens before a button is pressed."""

from html import escape

from flask import Response

from common.alerts.rule import Language
from common.domain.hindi import city_name

HTML = "text/html"
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Vayu: {title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
_WORDS = {
    "confirm": {
        "en": ("Alerts for {city}", "Do you want alerts about the air of {city} at this address?", "Confirm"),
        "hi": ("{city} के लिए अलर्ट", "क्या आप इस पते पर {city} की हवा के अलर्ट चाहते हैं?", "पुष्टि करें"),
    },
    "confirmed": {
        "en": ("Confirmed", "The alert for {city} is active.", ""),
        "hi": ("पुष्टि हो गई", "{city} के लिए अलर्ट चालू है।", ""),
    },
    "token": {
        "en": (
            "Confirmed",
            "The alert is active. This token manages your alerts; it was mailed to you, too. Keep it to yourself.",
            "",
        ),
        "hi": (
            "पुष्टि हो गई",
            "अलर्ट चालू है। इस टोकन से आप अपने अलर्ट बदल सकते हैं; यह ई-मेल से भी भेजा गया है। इसे किसी को न बताएँ।",
            "",
        ),
    },
    "expired": {
        "en": ("Too late", "This link was good for 48 hours. Make the alert again to get another.", ""),
        "hi": ("समय बीत गया", "यह लिंक 48 घंटे के लिए था। नया लिंक पाने के लिए अलर्ट फिर से बनाएँ।", ""),
    },
    "unsubscribe": {
        "en": ("No more alerts?", "End the alert for {city}; its address is forgotten.", "End it"),
        "hi": ("अलर्ट बंद करें?", "{city} के लिए अलर्ट बंद करें; पता मिटा दिया जाएगा।", "बंद करें"),
    },
    "unsubscribed": {
        "en": ("Done", "Nothing more is sent to this address by the alert for {city}.", ""),
        "hi": ("हो गया", "{city} के अलर्ट से इस पते पर अब कुछ नहीं भेजा जाएगा।", ""),
    },
}


def page(
    name: str, language: Language, city: str, *, status: int = 200, token: str | None = None
) -> Response:
    """One of these pages; its button posts to the same address."""
    place = city_name(city) if language == "hi" else city
    title, text, button = (escape(part.format(city=place)) for part in _WORDS[name][language])
    body = f"<p>{text}</p>"
    if token is not None:
        body += f"\n<p><code>{escape(token)}</code></p>"
    if button:
        body += f'\n<form method="post"><button type="submit">{button}</button></form>'
    content = _PAGE.format(language=language, title=title, body=body)
    response = Response(content, status, content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    return response
