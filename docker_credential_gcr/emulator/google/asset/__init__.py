"""Analysis of IAM policies: cloudasset.googleapis.com, which gcloud asks while it migrates a project."""
