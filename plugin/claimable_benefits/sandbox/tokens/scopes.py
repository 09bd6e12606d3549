"""Which scope each path of the API needs: matched by name, since nothing states it (Omneo facts 1.7)."""

from __future__ import annotations

from claimable_benefits.sandbox.protocol.dialects import PREFIX

# A path that is not here needs a token and nothing more. Identities and benefits have no scope of their own
# for changes: those of the profile and of creation stand in.
_TABLE = """
GET     /identities                                                          read-identities
GET     /identities/search                                                   read-identities
GET     /identities/search-profile/<path:identifier>                         read-identities
GET     /identities/handles                                                  read-identities
GET     /profiles/<profile_id>/identities                                    read-identities
GET     /profiles/<profile_id>/identities/<handle>                           read-identities
GET     /profiles/<profile_id>/identities/id/<identity_id>                   read-identities
POST    /profiles/<profile_id>/identities                                    update-profiles
PUT     /profiles/<profile_id>/identities/<handle>                           update-profiles
PUT     /profiles/<profile_id>/identities/id/<identity_id>                   update-profiles
DELETE  /profiles/<profile_id>/identities/<handle>                           update-profiles
DELETE  /profiles/<profile_id>/identities/id/<identity_id>                   update-profiles
GET     /profiles                                                            read-profiles
POST    /profiles                                                            create-profiles
GET     /profiles/<profile_id>                                               read-profiles
PUT     /profiles/<profile_id>                                               update-profiles
DELETE  /profiles/<profile_id>                                               delete-profiles
POST    /profiles/search-id                                                  read-profiles
POST    /profiles/exists                                                     read-profiles
POST    /profiles/availability                                               read-profiles
GET     /profiles/<profile_id>/balances                                      read-profiles
GET     /benefit-definitions                                                 read-benefit-definitions
POST    /benefit-definitions                                                 create-benefit-definitions
GET     /benefit-definitions/<definition_id>                                 read-benefit-definitions
PUT     /benefit-definitions/<definition_id>                                 update-benefit-definitions
DELETE  /benefit-definitions/<definition_id>                                 delete-benefit-definitions
GET     /benefit-definitions/handle/<handle>                                 read-benefit-definitions
GET     /benefits/definitions                                                read-benefit-definitions
POST    /benefits/definitions                                                create-benefit-definitions
GET     /benefits/definitions/<definition_id>                                read-benefit-definitions
PUT     /benefits/definitions/<definition_id>                                update-benefit-definitions
DELETE  /benefits/definitions/<definition_id>                                delete-benefit-definitions
GET     /benefits/definitions/handle/<handle>                                read-benefit-definitions
POST    /benefits/definitions/<definition_id>/clone                          create-benefit-definitions
GET     /allocations                                                         read-allocations
POST    /allocations/batch.json                                              create-allocations
GET     /allocations/<definition_id>/count                                   read-allocations
GET     /benefits                                                            read-benefits
GET     /benefits.count                                                      read-benefits
POST    /benefits                                                            create-benefits
POST    /benefits/batch.json                                                 create-benefits
POST    /benefits/extend                                                     create-benefits
GET     /benefits/<benefit_id>                                               read-benefits
PUT     /benefits/<benefit_id>                                               create-benefits
DELETE  /benefits/<benefit_id>                                               delete-benefits
GET     /profiles/<profile_id>/benefits                                      read-benefits
GET     /profiles/<profile_id>/benefits/<benefit_id>                         read-benefits
PUT     /profiles/<profile_id>/benefits/<benefit_id>                         create-benefits
DELETE  /profiles/<profile_id>/benefits/<benefit_id>                         delete-benefits
GET     /profiles/<profile_id>/benefits/claimable                            read-benefits
GET     /profiles/<profile_id>/benefits/viewable                             read-benefits
GET     /profiles/<profile_id>/redeemable_benefits                           read-benefits
POST    /profiles/<profile_id>/benefits/claim                                create-benefits
POST    /profiles/<profile_id>/benefits/<definition_id>/claim                create-benefits
POST    /profiles/<profile_id>/benefits/claim-redeem                         create-benefits redeem-benefits
POST    /profiles/<profile_id>/benefits/<benefit_id>/redemptions             redeem-benefits
POST    /profiles/<profile_id>/benefits/<benefit_id>/redeem                  redeem-benefits
POST    /profiles/<profile_id>/redeem                                        redeem-strategy
GET     /redemptions                                                         read-redemptions
GET     /redemptions/<redemption_id>                                         read-redemptions
GET     /redemptions/items                                                   read-redemptions
GET     /redemptions/items/<item_id>                                         read-redemptions
GET     /profiles/<profile_id>/redemptions                                   read-redemptions
GET     /profiles/<profile_id>/redemptions/<redemption_id>                   read-redemptions
GET     /profiles/<profile_id>/redemptions/<kind>/<instance_id>/count        read-redemptions
POST    /redemptions/<redemption_id>/reversal                                return
POST    /redemptions/<redemption_id>/benefit/return                          return
POST    /redemptions/<redemption_id>/return                                  return
GET     /transactions                                                        read-transactions
POST    /transactions                                                        create-transactions
POST    /transactions/update-create                                          create-transactions update-transactions
POST    /transactions/queue                                                  create-transactions update-transactions
POST    /transactions/queue/create                                           create-transactions
POST    /transactions/batch.json                                             create-transactions update-transactions
GET     /transactions/<transaction_id>                                       read-transactions
PUT     /transactions/<transaction_id>                                       update-transactions
DELETE  /transactions/<transaction_id>                                       delete-transactions
GET     /transactions/external/<path:external_id>                            read-transactions
GET     /transactions/<transaction_id>/items                                 read-transactions
GET     /transactions/<transaction_id>/items/<item_id>                       read-transactions
POST    /transactions/<transaction_id>/resend                                update-transactions
POST    /transactions/<transaction_id>/event-trigger                         update-transactions
GET     /profiles/<profile_id>/transactions                                  read-transactions
GET     /profiles/<profile_id>/transactions/<transaction_id>                 read-transactions
GET     /profiles/<profile_id>/find-transactions                             read-transactions
GET     /locations                                                           read-locations
POST    /locations                                                           create-locations
GET     /locations/<location_id>                                             read-locations
PUT     /locations/<location_id>                                             update-locations
DELETE  /locations/<location_id>                                             delete-locations
GET     /webhooks                                                            read-webhooks
POST    /webhooks                                                            create-webhooks
GET     /webhooks/<webhook_id>                                               read-webhooks
PUT     /webhooks/<webhook_id>                                               update-webhooks
DELETE  /webhooks/<webhook_id>                                               delete-webhooks
"""


def _read(table: str) -> dict[tuple[str, str], tuple[str, ...]]:
    rows = (line.split() for line in table.strip().splitlines())
    return {(method, PREFIX + path): tuple(scopes) for method, path, *scopes in rows}


REQUIRED_SCOPES = _read(_TABLE)
SCOPES = tuple(sorted({scope for scopes in REQUIRED_SCOPES.values() for scope in scopes}))


def required_scopes(method: str, rule: str) -> tuple[str, ...]:
    """Return the scopes that a request needs."""
    return REQUIRED_SCOPES.get(("GET" if method == "HEAD" else method, rule), ())
