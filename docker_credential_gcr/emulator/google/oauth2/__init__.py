"""OAuth's endpoints: oauth2.googleapis.com, sts.googleapis.com, userinfo and token information."""
