-- How alerts did by city: those of the public rules, and those of private ones where enough owners have outcomes. Who
-- has withdrawn is not counted any more.
SELECT city, basis, target, public,
       count(*) FILTER (WHERE outcome = 'hit'), count(*) FILTER (WHERE outcome = 'false alarm'),
       count(*) FILTER (WHERE outcome = 'miss'),
       json_agg(warning_hours) FILTER (WHERE outcome = 'hit' AND warning_hours IS NOT NULL)
FROM alert_outcome
WHERE owner IS NOT NULL
GROUP BY city, basis, target, public
HAVING public OR count(DISTINCT owner) >= :fewest
ORDER BY city COLLATE "C", basis, target, public DESC
