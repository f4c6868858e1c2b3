/// OVFs of one virtual machine, made from DMTF DSP0243.
package enum OVF {
    /// A disk; without `href` it is blank.
    package struct Disk {
        package var href: String?
        /// MiB.
        package var capacity: Int
        /// Further attributes of its `File`.
        package var fileAttributes: String
        /// Further attributes of its `Disk`.
        package var diskAttributes: String

        package init(_ href: String?, capacity: Int, fileAttributes: String = "", diskAttributes: String = "") {
            self.href = href
            self.capacity = capacity
            self.fileAttributes = fileAttributes
            self.diskAttributes = diskAttributes
        }
    }

    package static func text(_ disks: [Disk], version: Int = 1) -> String {
        let files = disks.enumerated().compactMap { index, disk in
            disk.href.map { "<File ovf:id=\"file\(index + 1)\" ovf:href=\"\($0)\" \(disk.fileAttributes)/>" }
        }
        let list = disks.enumerated().map { index, disk in
            "<Disk ovf:diskId=\"vmdisk\(index + 1)\" ovf:capacity=\"\(disk.capacity)\" "
                + "ovf:capacityAllocationUnits=\"byte * 2^20\" "
                + (disk.href == nil ? "" : "ovf:fileRef=\"file\(index + 1)\" ") + disk.diskAttributes + "/>"
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- made for tests -->
            <Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/\(version)"
              xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/\(version)">
              <References>\(files.joined())</References>
              <DiskSection><Info>Disks &amp; more</Info>\(list.joined())</DiskSection>
              <VirtualSystem ovf:id="vm"><Info>A virtual machine</Info></VirtualSystem>
            </Envelope>
            """
    }
}
