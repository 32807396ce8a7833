"""What both databases share: tables, subscriptions, trimming, erasing."""
