"""The model server: what runs in the model's image. Imports no MLflow, only packages of requirements/serve.lock."""
