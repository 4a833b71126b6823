SELECT json_build_array(${columns})::text
FROM generate_series(CAST(:start AS timestamptz) + interval '1 hour', :end, interval '1 hour') AS hour
LEFT JOIN ${city_hour} ON city = :city AND time = hour AND time > :start AND time <= :end
