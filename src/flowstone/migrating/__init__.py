"""Programs written for Prefect, rewritten for Flowstone."""
