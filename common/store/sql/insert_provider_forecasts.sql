INSERT INTO provider_forecast (city, source, kind, received_at, issued_at, first, known, ${columns})
SELECT city, source, kind, :now, issued_at, first, known, ${columns}
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(
  city text, source text, kind text, issued_at timestamptz, first timestamptz, known int, ${types})
ORDER BY city, source, kind
ON CONFLICT (city, source, kind, received_at) DO NOTHING
