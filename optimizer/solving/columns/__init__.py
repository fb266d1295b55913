"""Cases with many sites: plans of whole sites as columns of a master over the joint rows."""
