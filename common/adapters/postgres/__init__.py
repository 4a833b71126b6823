"""What is kept in PostgreSQL besides data: the queue, and jobs that somebody follows."""
