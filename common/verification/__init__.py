"""How issued forecasts did: scores of sums over pairs of forecast and truth. The sums themselves are the store's."""
