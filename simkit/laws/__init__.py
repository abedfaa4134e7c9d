"""Formulas that both engines share: small pure scalar functions, state in, state out."""
