"""The example project: whether an adult in the US earned more than 50,000 dollars a year (UCI Adult, 1994)."""
