"""What model-validate measures: metrics, the contract, fairness, latency, the project's own tests; and plots."""
