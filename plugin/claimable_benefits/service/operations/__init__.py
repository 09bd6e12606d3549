"""What staff and merchants do: reconcile, repair, examine, review, administer."""
