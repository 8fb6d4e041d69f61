"""From a bundle to a project that opens in its own IDE: Android Studio, Xcode, or Vite."""
