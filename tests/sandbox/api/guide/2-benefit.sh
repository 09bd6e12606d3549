curl -X POST https://api.[tenant].getomneo.com/api/v3/benefits \
-H "Authorization: Bearer ${TOKEN}" \
-H "Content-Type: application/json" \
-d '{
"benefit_definition_id": 94,
"profile_id": "92a7996b-abb6-4c9c-a845-9aaf8202fab6",
"issued_at": "2025-06-15 09:00:00",
"timezone": "Australia/Melbourne"
}'
