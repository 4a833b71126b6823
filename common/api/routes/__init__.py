"""The endpoints, by resource."""

from common.api.routes import aqi, cities, forecast, models, record, system

ROUTES = (*cities.ROUTES, *aqi.ROUTES, *forecast.ROUTES, *models.ROUTES, *record.ROUTES, *system.ROUTES)
