"""Holds data against its rules, and proposes rules from data."""
