"""IAM's APIs: iam.googleapis.com and iamcredentials.googleapis.com."""
