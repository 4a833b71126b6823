SELECT issue.city, issue.source, issue.kind, issue.issued_at
FROM jsonb_to_recordset(CAST(:issues AS jsonb)) AS issue(
  city text, source text, kind text, issued_at timestamptz, known int)
WHERE NOT EXISTS (
  SELECT FROM provider_forecast AS stored
  WHERE stored.city = issue.city AND stored.source = issue.source AND stored.kind = issue.kind
    AND stored.received_at >= issue.issued_at AND stored.issued_at = issue.issued_at
    AND stored.known * 10 >= issue.known * 9)
