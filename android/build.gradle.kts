// Plugins are named once, so that every module has the same versions. AGP compiles Kotlin itself since 9.0, by the version that is
// named here: the plugin for plain Kotlin brings its compiler, and Compose's has to be of the same version.
plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.kotlin.jvm) apply false
    alias(libs.plugins.kotlin.compose) apply false
}
