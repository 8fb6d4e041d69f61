"""The one trainer that every network here uses: data, augmentation, objectives, and the training loop."""
