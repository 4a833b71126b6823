"""The endpoints, by resource."""

from common.api.routes import aqi, cities, docs, forecast, jobs, models, record, system

ROUTES = (
    *cities.ROUTES,
    *aqi.ROUTES,
    *forecast.ROUTES,
    *models.ROUTES,
    *record.ROUTES,
    *jobs.ROUTES,
    *system.ROUTES,
    *docs.ROUTES,
)
