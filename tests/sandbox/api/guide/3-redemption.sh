curl -X POST https://api.[tenant].getomneo.com/api/v3/profiles/{profileId}/benefits/{benefitId}/redemptions \
-H "Authorization: Bearer ${TOKEN}" \
-H "Content-Type: application/json" \
-d '{
"issued_at": "2025-06-15 14:30:00",
"timezone": "Australia/Melbourne",
"external_id": "POS-REDEMPTION-001"
}'
