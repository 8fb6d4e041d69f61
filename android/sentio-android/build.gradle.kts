plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.sentiomobile.android"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        minSdk = libs.versions.minSdk.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
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
    api(project(":sentio-core"))
    api(libs.coroutines.android)
}

apply(from = "../gradle/publish.gradle.kts")
