pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode.set(RepositoriesMode.FAIL_ON_PROJECT_REPOS)
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "sentio"

include(":sentio-core", ":sentio-android", ":sentio-library", ":demo")

// One module for each runtime that the app carries; the model folder must have an artifact for one of them.
providers.gradleProperty("sentio.backends").get().split(",").forEach { include(":sentio-${it.trim()}") }
