plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.compose)
}

val backends = providers.gradleProperty("sentio.backends").get().split(",").map(String::trim)

android {
    namespace = "org.sentiomobile.demo"
    compileSdk = libs.versions.compileSdk.get().toInt()
    defaultConfig {
        applicationId = providers.gradleProperty("sentio.applicationId").get()
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = 1
        versionName = "1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        ndk {
            abiFilters += providers.gradleProperty("sentio.abis").get().split(",").map(String::trim)
        }
        resValue("string", "app_name", providers.gradleProperty("sentio.appName").get())
    }
    buildFeatures {
        compose = true
        resValues = true
    }
    // What is stored as it is can be mapped into memory.
    androidResources {
        noCompress += listOf("tflite", "onnx", "safetensors")
        // An app without a runtime does not carry the models that only it runs.
        val idle = mapOf("litert" to "tflite", "onnx" to "onnx").filterKeys { it !in backends }.values
        if (idle.isNotEmpty()) ignoreAssetsPatterns += listOf("!.*", "!*~") + idle.map { "!*.$it" }
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    compilerOptions {
        allWarningsAsErrors.set(providers.gradleProperty("sentio.warningsAsErrors").map(String::toBoolean))
    }
}

dependencies {
    implementation(project(":sentio-android"))
    implementation(project(":sentio-library"))
    backends.forEach { implementation(project(":sentio-$it")) }
    implementation(platform(libs.compose.bom))
    implementation(libs.compose.ui)
    implementation(libs.compose.foundation)
    implementation(libs.compose.animation)
    implementation(libs.compose.material3)
    implementation(libs.activity.compose)
    implementation(libs.lifecycle.viewmodel)
    implementation(libs.lifecycle.runtime.compose)
    androidTestImplementation(libs.test.runner)
    androidTestImplementation(libs.junit)
}
