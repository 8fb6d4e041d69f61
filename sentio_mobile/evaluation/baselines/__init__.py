"""What models are compared with: the mean, classic regressions on 164 features, and a recurrent network."""
