"""What the parts of the score are called, and what each compares, in words."""

PART_NAMES = {
    "frechet": "Fréchet distance of patches",
    "moments": "moments",
    "smoothness": "temporal smoothness",
    "correlation": "frequency correlation",
    "range": "dynamic range",
}

PART_MEANINGS = {
    "frechet": "normal distributions fitted to patches of 16 groups of bands by three quarters of a second",
    "moments": "mean, standard deviation, skewness and kurtosis of a clip's cells, over clips",
    "smoothness": "mean change over 1, 4, 16 and 64 frames, over clips",
    "correlation": "mean correlations between 32 groups of bands",
    "range": "5th to 95th percentile of all cells, of loudness, and within frames, over clips",
}
