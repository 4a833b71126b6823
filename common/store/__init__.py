"""The only SQL in the project: schema, migrations, queries. Every function takes an open connection."""
