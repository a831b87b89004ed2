"""Where processes of elsewhere get slots of limits: on the home's files, or in Postgres."""
