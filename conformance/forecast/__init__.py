"""IndiaAQ-48h: anybody's forecasts of Indian air quality, scored on fixed windows. docs/conformance.md."""
