"""Cases with many sites: prices of the joint rows split them, small groups find plans."""
