"""The sentences of alerts, by message and language: ``NAME.LANGUAGE.txt.jinja``, and the layout of mails."""
