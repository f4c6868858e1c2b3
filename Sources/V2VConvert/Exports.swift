// The vocabulary of the public API lives in lower modules; whoever imports V2VConvert has it.
@_exported public import struct Conversion.ConversionProgress
@_exported public import struct Conversion.ConversionReport
@_exported public import enum Conversion.Reflink
@_exported public import struct DiskImage.CheckFinding
@_exported public import enum DiskImage.DeflateWindow
@_exported public import struct DiskImage.ImageError
@_exported public import struct DiskImage.ImageFormat
@_exported public import struct DiskImage.ImageInfo
@_exported public import enum DiskImage.InfoValue
@_exported public import struct DiskImage.LostRange
@_exported public import enum DiskImage.RepairExtent
@_exported public import struct DiskImage.SnapshotInfo
@_exported public import enum DiskImage.SnapshotSelector
@_exported public import enum DiskImage.VHDSize
@_exported public import struct VHDFormat.VHDOptions
@_exported public import struct VHDXFormat.VHDXOptions
@_exported public import struct VMDKFormat.VMDKOptions
