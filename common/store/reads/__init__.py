"""What the API reads. Answers of many rows are made into JSON by the server: pg8000 decodes slowly."""
