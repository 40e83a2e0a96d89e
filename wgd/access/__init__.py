"""Who may reach what: from rules in files to chains and sets of nftables, and what they no longer allow."""
