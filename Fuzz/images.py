"""Small disk images, built from the facts of their formats: what qemu-img does not write, or not this small."""

import struct
import uuid
import zlib

SECTOR = 512
NO_PARENT = 0xFFFFFFFF


def pad(data, unit=SECTOR):
    return data + bytes(-len(data) % unit)


def sectors(data):
    return len(pad(data)) // SECTOR


def units(disk, length):
    """The disk in pieces of `length` bytes, None for those that are zero."""
    pieces = (disk[start:start + length] for start in range(0, len(disk), length))
    return [piece if piece.strip(b"\0") else None for piece in pieces]


def descriptor(extents, create_type="custom", cid=1, parent_cid=NO_PARENT, hint=None):
    lines = ["# Disk DescriptorFile", "version=1", f"CID={cid:08x}", f"parentCID={parent_cid:08x}"]
    lines.append(f'createType="{create_type}"')
    if hint is not None:
        lines.append(f'parentFileNameHint="{hint}"')
    lines += extents + ['ddb.adapterType = "lsilogic"', ""]
    return "\n".join(lines).encode()


def kdmv_header(capacity, grain, gtes, directory, *, flags=3, version=1, text=(0, 0), redundant=0, overhead=0,
                compressed=False):
    header = struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", version, flags, capacity, grain, text[0], text[1], gtes,
                         redundant, directory, overhead, 0, b"\n \r\n", int(compressed))
    return header.ljust(SECTOR, b"\0")


def kdmv(disk, *, grain=8, gtes=512, text=None, version=1, flags=3, redundant=True, zeroed=()):
    """A hosted sparse extent: header, descriptor, redundant and primary directory with their tables, grains.
    Grains whose numbers are in `zeroed` get the entry 1."""
    capacity = len(disk) // SECTOR
    pieces = units(disk, grain * SECTOR)
    tables = -(-len(pieces) // gtes)
    table_sectors = -(-gtes * 4 // SECTOR)
    directory_sectors = -(-tables * 4 // SECTOR)
    text_sectors = sectors(text) + 1 if text else 0
    copies = 2 if redundant else 1
    position = 1 + text_sectors
    starts = []
    for _ in range(copies):
        starts.append(position)
        position += directory_sectors + tables * table_sectors
    overhead = -(-position // grain) * grain
    entries, data = [], b""
    for number, piece in enumerate(pieces):
        if number in zeroed:
            entries.append(1)
        elif piece is None:
            entries.append(0)
        else:
            entries.append(overhead + len(data) // SECTOR)
            data += pad(piece, grain * SECTOR)
    entries += [0] * (tables * gtes - len(entries))
    file = kdmv_header(capacity, grain, gtes, starts[-1], flags=flags, version=version,
                       text=(1, text_sectors) if text else (0, 0), redundant=starts[0] if redundant else 0,
                       overhead=overhead)
    if text:
        file += text.ljust(text_sectors * SECTOR, b"\0")
    for start in starts:
        first = start + directory_sectors
        file += pad(struct.pack(f"<{tables}I", *(first + index * table_sectors for index in range(tables))))
        for index in range(tables):
            file += pad(struct.pack(f"<{gtes}I", *entries[index * gtes:(index + 1) * gtes]))
    return file.ljust(overhead * SECTOR, b"\0") + data


def stream(disk, *, grain=8, gtes=16, text=None, version=3, footer=True, markers=True, level=6):
    """A stream-optimized extent in VMware's order. Without `footer` the header itself has the directory's place."""
    capacity = len(disk) // SECTOR
    text = text or descriptor([f'RDONLY {capacity} SPARSE "image"'], "streamOptimized")
    overhead = 1 + sectors(text)
    flags = 0x30001 if markers else 0x10001
    body, directory = b"", []

    def marker(kind, value):
        return struct.pack("<QII", value, 0, kind).ljust(SECTOR, b"\0") if markers else b""

    def here():
        return overhead + len(body) // SECTOR

    pieces = units(disk, grain * SECTOR)
    for first in range(0, len(pieces), gtes):
        entries = [0] * gtes
        for number, piece in enumerate(pieces[first:first + gtes]):
            if piece is None:
                continue
            entries[number] = here()
            packed = zlib.compress(piece, level)
            lba = struct.pack("<Q", (first + number) * grain) if markers else b""
            body += pad(lba + struct.pack("<I", len(packed)) + packed)
        if not any(entries):
            directory.append(0)
            continue
        table = pad(struct.pack(f"<{gtes}I", *entries))
        body += marker(1, len(table) // SECTOR)
        directory.append(here())
        body += table
    packed = pad(struct.pack(f"<{len(directory)}I", *directory))
    body += marker(2, len(packed) // SECTOR)
    start = here()
    body += packed

    def header(place):
        return kdmv_header(capacity, grain, gtes, place, flags=flags, version=version,
                           text=(1, sectors(text)), overhead=overhead, compressed=True)

    if footer:
        body += marker(3, 1) + header(start)
    return header(2**64 - 1 if footer else start) + pad(text) + body + marker(0, 0)


def cowd(disk, *, grain=1):
    """A vmfsSparse extent: header of four sectors, directory, tables of 4096 entries each before its grains."""
    pieces = units(disk, grain * SECTOR)
    tables = -(-len(pieces) // 4096)
    header = struct.pack("<4sIIIIIII", b"COWD", 1, 3, len(disk) // SECTOR, grain, 4, tables, 0).ljust(2048, b"\0")
    start = 4 + -(-tables * 4 // SECTOR)
    directory, body = [], b""
    for first in range(0, len(pieces), 4096):
        mine = pieces[first:first + 4096]
        if not any(mine):
            directory.append(0)
            continue
        table = start + len(body) // SECTOR
        directory.append(table)
        entries, data = [], b""
        for piece in mine:
            entries.append(0 if piece is None else table + 32 + len(data) // SECTOR)
            data += b"" if piece is None else pad(piece, grain * SECTOR)
        body += struct.pack(f"<{len(mine)}I", *entries).ljust(16384, b"\0") + data
    return header + pad(struct.pack(f"<{tables}I", *directory)) + body


def sesparse(disk, *, zeroed=(), unmapped=()):
    """A seSparse extent: grains of 4 KiB, tables of 4096 entries, the last first, none for a range without grains."""
    directory, tables, data = [], [], b""
    pieces = units(disk, 4096)
    for first in range(0, len(pieces), 4096):
        entries = []
        for number, piece in enumerate(pieces[first:first + 4096], first):
            index = len(data) // 4096
            spread = (index & 0xFFF) << 48 | index >> 12
            if number in zeroed:
                entries.append(2 << 60)
            elif number in unmapped:
                entries.append(1 << 60 | spread)
            elif piece is None:
                entries.append(0)
            else:
                entries.append(3 << 60 | spread)
                data += pad(piece, 4096)
        directory.append(len(tables) if any(entries) else None)
        if any(entries):
            tables.append(struct.pack(f"<{len(entries)}Q", *entries).ljust(32768, b"\0"))
    packed = pad(b"".join(struct.pack("<Q", 0 if number is None else 1 << 60 | len(tables) - 1 - number)
                          for number in directory))
    table_start = 8 + len(packed) // SECTOR
    grain_start = table_start + len(tables) * 64
    areas = [(1, 1), (2, 1), (3, 1), (8, len(packed) // SECTOR), (table_start, len(tables) * 64), (4, 1), (5, 1),
             (grain_start, len(data) // SECTOR)]
    fields = [0xCAFEBABE, 0x200000001, len(disk) // SECTOR, 8, 64, 0, 0, 0, 0, 0]
    for area in areas:
        fields += area
    header = struct.pack(f"<{len(fields)}Q", *fields).ljust(SECTOR, b"\0")
    file = (header + struct.pack("<Q", 0xCAFECAFE)).ljust(8 * SECTOR, b"\0")
    return file + packed + b"".join(reversed(tables)) + data


def vdi(disk, *, block=4096, extra=0, kind=1):
    """A VirtualBox image; QEMU has only blocks of 1 MiB."""
    pieces = units(disk, block)
    table, data = [], b""
    for piece in pieces:
        table.append(0xFFFFFFFF if piece is None else len(data) // (block + extra))
        data += b"" if piece is None else bytes(extra) + pad(piece, block)
    start = 512 + len(pad(bytes(len(table) * 4)))
    header = b"<<< a VirtualBox disk image >>>\n".ljust(64, b"\0")
    header += struct.pack("<IIIII", 0xBEDA107F, 0x10001, 400, kind, 0).ljust(276, b"\0")
    header += struct.pack("<IIIIIIIQIIII", 512, start, 0, 0, 0, SECTOR, 0, len(disk), block, extra, len(table),
                          len(data) // (block + extra))
    header = header.ljust(512, b"\0")
    return header + pad(struct.pack(f"<{len(table)}I", *table)) + data


def vhd_footer(size, kind, data_offset, identifier=b"\x11" * 16):
    footer = struct.pack(">8sIIQI4sI4sQQHBBI", b"conectix", 2, 0x10000, data_offset, 0, b"win ", 0x50000, b"Wi2k", size,
                         size, size // 34816, 4, 17, kind)
    return checksummed(footer.ljust(68, b"\0") + identifier, 64, 512)


def checksummed(record, field, length):
    """`record` with the complement of the sum of its bytes in it."""
    record = record.ljust(length, b"\0")
    return record[:field] + struct.pack(">I", ~sum(record) & 0xFFFFFFFF) + record[field + 4:]


def vhd(disk, *, block=4096, kind=3, identifier=b"\x11" * 16, parent=None):
    """A dynamic VHD, or a differencing one over the disk `parent` (its file's name and identifier), which has only the
    sectors that are not zero."""
    if kind == 2:
        return disk + vhd_footer(len(disk), 2, 2**64 - 1)
    pieces = units(disk, block)
    footer = vhd_footer(len(disk), kind, 512, identifier)
    name, parent_identifier = parent or ("", bytes(16))
    locator = name.encode("utf-16-le")
    table_offset = 1536 + (512 if locator else 0)
    header = struct.pack(">8sQQIII4s", b"cxsparse", 2**64 - 1, table_offset, 0x10000, len(pieces), block, b"")
    header += parent_identifier + bytes(8) + name.encode("utf-16-be").ljust(512, b"\0")
    if locator:
        header += struct.pack(">4sIIIQ", b"W2ru", 512, len(locator), 0, 1536)
    bitmap_length = len(pad(bytes(block // 4096 or 1)))
    data_offset = table_offset + len(pad(bytes(len(pieces) * 4)))
    table, data = [], b""
    for piece in pieces:
        if piece is None:
            table.append(0xFFFFFFFF)
            continue
        table.append((data_offset + len(data)) // SECTOR)
        bits = "".join("1" if sector or kind == 3 else "0" for sector in units(pad(piece, block), SECTOR))
        data += int(bits.ljust(bitmap_length * 8, "0"), 2).to_bytes(bitmap_length, "big") + pad(piece, block)
    packed = pad(struct.pack(f">{len(table)}I", *table))
    return footer + checksummed(header, 36, 1024) + pad(locator) + packed + data + footer


CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc32c(data):
    state = 0xFFFFFFFF
    for byte in data:
        state = state >> 8 ^ CRC_TABLE[(state ^ byte) & 0xFF]
    return state ^ 0xFFFFFFFF


def with_crc32c(record, length):
    """`record` with its checksum at byte 4, padded to `length`."""
    record = record.ljust(length, b"\0")
    return record[:4] + struct.pack("<I", crc32c(record[:4] + bytes(4) + record[8:])) + record[8:]


def guid(text):
    return uuid.UUID(text).bytes_le


def vhdx_log_entry(sequence, changes, mark, size):
    """An entry of the log: `changes` are pairs of a place and 4 KiB, or a number of bytes to be zeros."""
    descriptors, data = b"", b""
    for place, change in changes:
        if isinstance(change, int):
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, change, place, sequence)
            continue
        descriptors += struct.pack("<4s4s8sQQ", b"desc", change[-4:], change[:8], place, sequence)
        data += struct.pack("<4sI", b"data", sequence >> 32) + change[8:-4] + struct.pack("<I", sequence & 0xFFFFFFFF)
    length = len(pad(bytes(64) + descriptors, 4096)) + len(data)
    header = struct.pack("<4sIIIQII16sQQ", b"loge", 0, length, 0, sequence, len(changes), 0, mark, size, size)
    return with_crc32c(pad(header + descriptors, 4096) + data, length)


def vhdx(disk, *, block=1 << 20, sector=512, fixed=False, changes=(), parent=None, linkage=b"\x22" * 16, present=None):
    """A VHDX, as pieces by their place. With `changes` it has a log; with `parent`, a name, only the
    sectors whose numbers are in `present` are its own. `linkage` is its own mark, or that of its parent."""
    mark = b"\x77" * 16 if changes else bytes(16)
    pieces = {0: b"vhdxfile"}
    data = [piece for piece in enumerate(units(disk, block)) if piece[1]]
    size = (4 << 20) + len(data) * block + (1 << 20 if parent else 0)
    for number, place in enumerate((1 << 16, 2 << 16)):
        header = struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, number + 1, b"\x11" * 16, linkage, mark, 0, 1, 1 << 20, 1 << 20)
        pieces[place] = with_crc32c(header, 4096)[:80]
    regions = guid("2DC27766-F623-4200-9D64-115E9BFD4A08") + struct.pack("<QII", 3 << 20, 1 << 20, 1)
    regions += guid("8B7CA206-4790-4B9A-B8FE-575F050F886E") + struct.pack("<QII", 2 << 20, 1 << 20, 1)
    table = struct.pack("<4sIII", b"regi", 0, 2, 0) + regions
    pieces[3 << 16] = with_crc32c(table, 1 << 16)[:len(table)]
    if changes:
        pieces[1 << 20] = vhdx_log_entry(5, changes, mark, size)
    items = [("CAA16737-FA36-4D43-B3B6-33F0AA44E76B", struct.pack("<II", block, fixed | (2 if parent else 0)), 4),
             ("2FA54224-CD1B-4876-B211-5DBED83BF4B8", struct.pack("<Q", len(disk)), 6),
             ("BECA12AB-B2E6-4523-93EF-C309E000C746", b"\x33" * 16, 6),
             ("8141BF1D-A96F-4709-BA47-F233A8FAAB5F", struct.pack("<I", sector), 6),
             ("CDA348C7-445D-4471-9CC9-E9885251C556", struct.pack("<I", 4096), 6)]
    if parent:
        items.append(("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C", vhdx_locator(
            {"parent_linkage": f"{{{uuid.UUID(bytes_le=linkage)}}}", "relative_path": parent}), 4))
    metadata, contents = struct.pack("<8sHH20x", b"metadata", 0, len(items)), b""
    for name, content, flags in items:
        metadata += guid(name) + struct.pack("<IIII", (1 << 16) + len(contents), len(content), flags, 0)
        contents += content
    pieces[2 << 20], pieces[(2 << 20) + (1 << 16)] = metadata, contents
    ratio = (sector << 23) // block
    entries = [0] * (ratio + 1 if parent else -(-len(disk) // block))
    for index, (number, piece) in enumerate(data):
        place = (4 << 20) + index * block
        entries[number] = place | (7 if parent else 6)
        pieces[place] = piece
    if parent:
        bits = sum(1 << number for number in present)
        entries[ratio] = (size - (1 << 20)) | 6
        pieces[size - (1 << 20)] = bits.to_bytes(256, "little")
    pieces[3 << 20] = struct.pack(f"<{len(entries)}Q", *entries)
    return pieces


def vhdx_locator(values):
    text, entries = b"", b""
    start = 20 + 12 * len(values)
    for key, value in values.items():
        key, value = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", start + len(text), start + len(text) + len(key), len(key), len(value))
        text += key + value
    return guid("B04AEFB7-D19E-4A81-B789-25B8E9445913") + struct.pack("<HH", 0, len(values)) + entries + text


def scattered(pieces):
    """Pieces by their place, multiples of 64 KiB, as the fuzzer takes them."""
    return b"".join(struct.pack("<HH", place >> 16, len(data)) + data for place, data in sorted(pieces.items()))


def joined(pieces):
    """The file that has these pieces, whole MiB."""
    end = max(place + len(data) for place, data in pieces.items())
    file = bytearray(-(-end >> 20) << 20)
    for place, data in pieces.items():
        file[place:place + len(data)] = data
    return bytes(file)


def qcow2_extended(disk, *, zero=()):
    """A qcow2 with clusters of 16 KiB, subclusters of 512 bytes, and no refcounts (readers need none).
    Subclusters whose numbers are in `zero` read as zeros; other zero ones are left out."""
    cluster = 16384
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 14, len(disk), 0, 1, cluster, 0, 0, 0, 0)
    header += struct.pack(">QQQII", 1 << 4, 0, 0, 4, 112) + bytes(8) + bytes(8)
    table, data = b"", b""
    for number, piece in enumerate(units(disk, cluster)):
        bitmap = 0
        for index, subcluster in enumerate(units(piece or b"", 512)):
            bitmap |= (1 << index if subcluster else 0)
        for index in range(32):
            if number * 32 + index in zero:
                bitmap = bitmap & ~(1 << index) | 1 << 32 + index
        table += struct.pack(">QQ", 0 if piece is None else 1 << 63 | 3 * cluster + len(data), bitmap)
        data += b"" if piece is None else pad(piece, 512 if len(piece) < cluster else cluster)
    l1 = struct.pack(">Q", 1 << 63 | 2 * cluster)
    return header.ljust(cluster, b"\0") + l1.ljust(cluster, b"\0") + table.ljust(cluster, b"\0") + data
