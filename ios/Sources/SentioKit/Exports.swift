// One import for apps: whoever imports SentioKit has the core's types, too.
@_exported import SentioCore
