"""What staff do: compare, repair, examine, review, administer."""
