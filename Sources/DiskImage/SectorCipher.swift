/// Decrypts what a file holds encrypted, sector by sector.
package protocol SectorCipher: Sendable {
    /// Decrypts sectors of 512 bytes in place. Called by several threads at once.
    /// - Parameters:
    ///   - sectors: whole sectors.
    ///   - offset: where the first lies in the file: a multiple of 512.
    func decrypt(_ sectors: UnsafeMutableRawBufferPointer, at offset: HostOffset)
}

/// Bytes of the sectors that a ``SectorCipher`` knows.
package let cipherSectorSize = 512
