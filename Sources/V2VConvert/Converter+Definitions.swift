import DiskImage
import GuestFixups
import MachineDefinition
import SystemPackage

extension Converter {
    /// The definitions that are to be written beside the output.
    /// - Parameter reader: of the source.
    /// - Throws: `invalidOption` if there can be none.
    func makeDefinitions(_ format: TargetFormat, of reader: any ImageReader) throws(ImageError) -> OutputDefinitions {
        guard let definitions, !definitions.formats.isEmpty else { return OutputDefinitions() }
        let path = try definedPath()
        guard let given = FilePath(target.path).lastComponent?.string else {
            throw ImageError(.invalidOption, "the output's name is none of a file", path: target.path)
        }
        let machine = VirtualMachine(
            reader.hardware, try describeGuest(reader), name: given.withoutImageExtension,
            disk: VirtualMachine.Disk(path: path.string, format: format.name), bus: definitions.bus,
            addresses: (fixup?.interfaceNames.keys).map { $0.sorted() } ?? [])
        return try OutputDefinitions(definitions.formats, of: machine, name: given)
    }

    /// Where the output will be, from the root directory on.
    private func definedPath() throws(ImageError) -> FilePath {
        guard target.descriptor == nil, !target.isExport, case .new = target.outputKind(virtualSize: 0) else {
            throw ImageError(
                .invalidOption, "a definition is written beside a new file",
                advice: "convert to a file, or leave out --emit", path: target.path)
        }
        let path = FilePath(target.path)
        if let existing = path.resolved { return existing }
        let directory = path.removingLastComponent()
        guard let parent = (directory.isEmpty ? "." : directory).resolved, let name = path.lastComponent else {
            throw ImageError(.outputFailed, "the output's directory is not there", path: target.path)
        }
        return parent.appending(name)
    }

    /// What is on the source's disk; nil if that can't be looked at.
    private func describeGuest(_ reader: any ImageReader) throws(ImageError) -> GuestDescription? {
        guard try source.makeStream(reader) == nil, let map = try? source.makeMap(reader) else { return nil }
        return try? GuestSession([map]).describe()
    }
}
