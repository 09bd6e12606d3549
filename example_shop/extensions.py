"""The two objects that the rest of the shop shares: its database, and its loyalty benefits."""

from claimable_benefits import ClaimableBenefits
from example_shop.database import Database

db = Database()
benefits = ClaimableBenefits()
