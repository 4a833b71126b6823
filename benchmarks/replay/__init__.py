"""The whole system over past months: skill, coverage, promotions, and that nothing issued was changed."""
