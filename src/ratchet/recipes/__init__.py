"""Saying what to do: experiments as TOML, and the steps they are made of."""
