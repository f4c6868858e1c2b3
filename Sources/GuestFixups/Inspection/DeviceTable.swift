/// A file whose lines have a device each.
enum DeviceTable: CaseIterable {
    /// fstab(5).
    case fstab
    /// crypttab(5).
    case crypttab

    var path: String {
        switch self {
        case .fstab: "/etc/fstab"
        case .crypttab: "/etc/crypttab"
        }
    }

    /// The number of the field that has the device, from 0.
    private var field: Int {
        switch self {
        case .fstab: 0
        case .crypttab: 1
        }
    }

    /// Replaces the device of each line by what `body` makes of it and the line's fields; nil leaves it. Discs that come and go are
    /// passed over.
    func mapDevices(_ bytes: [UInt8], _ body: (_ device: String, _ fields: [String]) -> String?) -> [UInt8] {
        TextEdit.mapFields(bytes, field: field) { fields in
            if self == .fstab, Fstab(fields.joined(separator: " ")).entries.first?.isRemovable ?? false { return nil }
            return body(fields[field], fields)
        }
    }
}
