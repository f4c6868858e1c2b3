/// What no input may bring about: a reader that breaks a promise. (A refusal is none.)
package struct Violation: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
