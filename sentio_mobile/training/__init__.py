"""The one way in which every model here is trained, measured and saved."""
