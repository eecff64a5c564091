"""Everything that speaks to MLflow: the store, runs, live tracking, and the registry of model versions."""
