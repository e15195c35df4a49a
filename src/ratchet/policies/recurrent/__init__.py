"""A policy that remembers, through a GRU and a bank of slots with a gate."""
