"""The two extensions that the whole shop shares: its database and its loyalty benefits."""

from claimable_benefits import ClaimableBenefits
from example_shop.storage.database import Database

db = Database()
benefits = ClaimableBenefits()
