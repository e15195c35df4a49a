"""A fleet: worker processes that play published policies, and the supervisor that owns them."""
