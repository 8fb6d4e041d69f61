plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.sentiomobile.onnx"
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
    implementation(libs.onnxruntime)
}

apply(from = "../gradle/publish.gradle.kts")
