"""The layer around Flask: `common.api.middleware.wsgi` puts it together."""
