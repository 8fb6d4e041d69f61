"""Classical regressors on 164 features, alone and as an ensemble that labels music."""
