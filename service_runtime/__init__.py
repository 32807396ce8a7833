"""What a process of ours needs to run; knows nothing of mail, pixels or opens."""
