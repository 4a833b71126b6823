"""The layer around Flask: `common.api.Middleware` puts it together."""
