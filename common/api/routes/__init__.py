"""The endpoints, by resource."""

from common.api.routes import aqi, cities, docs, forecast, models, public_record, record, system

BLUEPRINTS = (
    cities.api,
    aqi.api,
    forecast.api,
    models.api,
    record.api,
    public_record.api,
    system.api,
    docs.api,
)
ENDPOINTS = tuple(endpoint for blueprint in BLUEPRINTS for endpoint in blueprint.endpoints)
