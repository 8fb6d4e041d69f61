"""Write apps from a bundle: projects that open in their own IDE, Android Studio, Xcode, or Vite."""
