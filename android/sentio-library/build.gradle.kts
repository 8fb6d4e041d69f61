plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.sentiomobile.library"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        minSdk = libs.versions.minSdk.get().toInt()
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

kotlin {
    explicitApi()
    compilerOptions {
        allWarningsAsErrors.set(providers.gradleProperty("sentio.warningsAsErrors").map(String::toBoolean))
    }
}

dependencies {
    api(project(":sentio-android"))
    api(libs.work.runtime)
}

apply(from = "../gradle/publish.gradle.kts")
