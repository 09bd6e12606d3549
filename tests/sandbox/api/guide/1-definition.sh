curl -X POST https://api.[tenant].getomneo.com/api/v3/benefit-definitions \
-H "Authorization: Bearer ${TOKEN}" \
-H "Content-Type: application/json" \
-d '{
"name": "First Spend Discount",
"handle": "first-spend",
"description": "10% off first purchase for new members",
"short_description": "Get 10% off your first spend with us!",
"long_description": "<p>Valid for 7 days from issue date.</p>",
"terms_conditions": "Terms and conditions apply",
"earn_instructions": "Automatically issued on signup",
"redeem_instructions_store": "Show to staff at checkout",
"redeem_instructions_online": "Apply at checkout",
"period": 7,
"max_redemptions": 1,
"is_extendable": false,
"is_reassignable": false,
"is_published": true,
"tags": ["first-spend", "new-member"]
}'
