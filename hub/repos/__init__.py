"""Talk with the Hub: one commit or none, private where a licence says so, nothing of a stranger's believed."""
