"""The endpoints, by resource."""

from common.api.routes import (
    aqi,
    cities,
    docs,
    forecast,
    models,
    overview,
    public_record,
    record,
    reproduce,
    system,
)

BLUEPRINTS = (
    cities.api,
    overview.api,
    aqi.api,
    forecast.api,
    models.api,
    record.api,
    public_record.api,
    reproduce.api,
    system.api,
    docs.api,
)
ENDPOINTS = tuple(endpoint for blueprint in BLUEPRINTS for endpoint in blueprint.endpoints)
