import ArgumentParser

/// The value of `--output`.
enum OutputKind: String, ExpressibleByArgument, CaseIterable {
    case human
    case json
}
