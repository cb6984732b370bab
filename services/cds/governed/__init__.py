"""What may speak here: signed manifests, their releases, and the policy that holds at this site."""
