"""Google Cloud: Pub/Sub."""
