import Conversion
import DiskImage
import MachineDefinition
import SystemPackage

/// The definitions of the machine that appear together with the output, beside it.
struct OutputDefinitions {
    private var files: [(name: String, text: [UInt8])] = []

    /// The names of the files.
    var names: [String] { files.map(\.name) }

    /// None.
    init() {}

    /// - Parameters:
    ///   - formats: of the definitions.
    ///   - name: of the disk's file, as the user calls it.
    init(_ formats: Set<DefinitionFormat>, of machine: VirtualMachine, name: String) throws(ImageError) {
        for format in DefinitionFormat.allCases where formats.contains(format) {
            let text = try format.text(of: machine)
            files.append(("\(name.withoutImageExtension).\(format.fileExtension)", Array(text.utf8)))
        }
    }

    /// Writes them into `output`, whose last files they are.
    /// - Parameter number: of the first.
    /// - Returns: their sizes.
    func write(to output: Output, from number: Int) throws(ImageError) -> [UInt64] {
        for (index, file) in files.enumerated() { try output.write(file.text, file: number + index, at: HostOffset(0)) }
        return files.map { UInt64($0.text.count) }
    }
}
