"""What weather forecasts are worth to the forecasts of the air."""
