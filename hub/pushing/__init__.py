"""What is pushed to the Hub, each kind checked before the long work and sent in one commit."""
