import DiskImage

extension VHDFooter {
    /// The footer to go by, of the two that a file may have, and what is to be said about the other.
    ///
    /// The last sector is the footer's own place; the copy at the start stands in where it is damaged. If no checksum is
    /// right the first whose fields make sense is taken: there are writers that never computed one.
    static func choose(in file: ImageFile) throws(ImageError) -> (footer: VHDFooter, warnings: [String]) {
        let last = VHDFooter.last(in: try file.readSuffix(length), fileSize: file.size)
        // What a fixed disk has in its first sector is the guest's.
        let first = VHDFooter(try file.readPrefix(length), position: 0)
        let candidates = [last, first].compactMap { $0 }
        guard let any = candidates.first else {
            throw ImageError(.inputFormat, "this is no VHD: there is no footer", path: file.path)
        }
        if let intact = candidates.first(where: \.isIntact) {
            if let contradiction = intact.contradiction(fileSize: file.size) {
                throw file.damaged("the VHD's footer is impossible: \(contradiction)", at: intact.position)
            }
            return (intact, remarks(on: last, first, chosen: intact))
        }
        guard let sane = candidates.first(where: { $0.contradiction(fileSize: file.size) == nil }) else {
            throw file.damaged("the VHD's footer is damaged: its checksum is wrong", at: any.position)
        }
        return (sane, ["the checksum of the VHD's footer is wrong; its fields make sense and are believed"])
    }

    private static func remarks(on last: VHDFooter?, _ first: VHDFooter?, chosen: VHDFooter) -> [String] {
        guard chosen.kind != .fixed else { return [] }
        guard let last, last.isIntact else {
            return ["the footer at the end of the file is damaged or missing; its copy at the start is used"]
        }
        guard let first, first.isIntact else {
            return ["the copy of the footer at the start of the file is damaged or missing; the footer is used"]
        }
        return last.contradicts(first)
            ? ["the footer and its copy at the start of the file contradict each other; the footer is used"] : []
    }
}
