// What a module of the library publishes: classes, sources, and a POM of its own; signed where a key is given.
//
// A key is given as the properties signingKey (ASCII-armoured) and signingPassword, or by the environment as
// ORG_GRADLE_PROJECT_signingKey and ORG_GRADLE_PROJECT_signingPassword, so that it never lies in a file here.
apply(plugin = "maven-publish")
apply(plugin = "signing")

val javadoc = tasks.register<Jar>("javadocJar") {
    // Maven Central wants one; the documentation of these modules stands in their sources and in the README.
    archiveClassifier.set("javadoc")
    from(rootProject.file("README.md"))
}

afterEvaluate {
    val publishing = extensions.getByType<PublishingExtension>()
    publishing.repositories.maven {
        // `publishAllPublicationsToStagingRepository` fills a folder that is uploaded as it is.
        name = "staging"
        url = uri(rootProject.layout.buildDirectory.dir("staging"))
    }
    publishing.publications.register<MavenPublication>("library") {
        from(components.findByName("release") ?: components.getByName("java"))
        artifact(javadoc)
        pom {
            name.set(project.name)
            description.set("Tells how music feels, on the phone and offline: valence and arousal.")
            licenses {
                license {
                    name.set("Apache-2.0")
                    url.set("https://www.apache.org/licenses/LICENSE-2.0")
                }
            }
            developers {
                developer { name.set("The sentio-mobile developers") }
            }
        }
    }
    val key = providers.gradleProperty("signingKey").orNull
    if (key != null) {
        extensions.configure<SigningExtension> {
            useInMemoryPgpKeys(key, providers.gradleProperty("signingPassword").orNull.orEmpty())
            sign(publishing.publications)
        }
    }
}
