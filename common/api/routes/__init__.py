"""The endpoints, by resource."""

from common.api.routes import (
    alert_record,
    alerts,
    aqi,
    archive,
    cities,
    docs,
    events,
    exports,
    forecast,
    models,
    overview,
    public_record,
    record,
    reproduce,
    slo,
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
    archive.api,
    exports.api,
    events.api,
    slo.api,
    alerts.api,
    alert_record.api,
    system.api,
    docs.api,
)
ENDPOINTS = tuple(endpoint for blueprint in BLUEPRINTS for endpoint in blueprint.endpoints)
