"""The endpoints, by resource."""

from common.api.routes import aqi, cities, forecast, models, system

ROUTES = (*cities.ROUTES, *aqi.ROUTES, *forecast.ROUTES, *models.ROUTES, *system.ROUTES)
