curl -X POST https://api.[tenant].getomneo.com/api/v3/transactions \
-H "Authorization: Bearer ${TOKEN}" \
-H "Content-Type: application/json" \
-d '{
"profile_id": "92a7996b-abb6-4c9c-a845-9aaf8202fab6",
"total": 89.99,
"total_original": 99.99,
"transacted_at": "2025-06-15 14:32:00",
"timezone": "Australia/Melbourne",
"redemption_id": 159,
"items": [...]
}'
