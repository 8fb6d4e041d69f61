import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.kotlin.jvm)
}

java {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
    withSourcesJar()
}

kotlin {
    explicitApi()
    compilerOptions {
        jvmTarget.set(JvmTarget.JVM_17)
        allWarningsAsErrors.set(providers.gradleProperty("sentio.warningsAsErrors").map(String::toBoolean))
    }
}

dependencies {
    api(libs.coroutines.core)
    testImplementation(libs.kotlin.test.junit)
    testImplementation(libs.junit)
}

tasks.test {
    // Ten minutes of decoded surround sound do not fit in; one test counts on that.
    maxHeapSize = "384m"
    systemProperty("sentio.android", rootDir.path)
}

apply(from = "../gradle/publish.gradle.kts")
