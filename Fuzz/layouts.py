"""Where the fields of an image are: (offset, bytes, byte order, name) for headers and table entries."""

import struct

import images

# At most this many entries of one table are fields.
ENTRIES = 64


def take(data, form, offset):
    """One integer of `data`, 0 where it ends before."""
    size = struct.calcsize(form)
    return struct.unpack_from(form, data, offset)[0] if 0 <= offset <= len(data) - size else 0


def record(base, order, name, *fields):
    """The fields of a record at `base`: pairs of offset and bytes."""
    return [(base + offset, size, order, f"{name}+{offset}") for offset, size in fields]


def table(base, count, size, order, name):
    """The first and the last entries of a table."""
    chosen = range(count) if count <= ENTRIES else [*range(ENTRIES // 2), *range(count - ENTRIES // 2, count)]
    return [(base + index * size, size, order, f"{name}[{index}]") for index in chosen]


def inside(fields, data):
    return [field for field in fields if field[0] >= 0 and field[0] + field[1] <= len(data)]


def qcow2(data):
    fields = record(0, "big", "header", (0, 4), (4, 4), (8, 8), (16, 4), (20, 4), (24, 8), (32, 4), (36, 4), (40, 8),
                    (48, 8), (56, 4), (60, 4), (64, 8), (72, 8), (80, 8), (88, 8), (96, 4), (100, 4), (104, 1))
    cluster = 1 << min(take(data, ">I", 20), 21)
    extended = take(data, ">Q", 72) >> 4 & 1
    position = take(data, ">I", 100) if take(data, ">I", 4) == 3 else 72
    while take(data, ">I", position):
        fields += record(position, "big", "extension", (0, 4), (4, 4), (8, 4))
        position += 8 + (take(data, ">I", position + 4) + 7 & ~7)
    fields += record(take(data, ">Q", 8), "big", "backing name", (0, 1), (4, 1))
    l1, count = take(data, ">Q", 40), take(data, ">I", 36)
    fields += table(l1, count, 8, "big", "l1")
    for index in range(min(count, 8)):
        l2 = take(data, ">Q", l1 + index * 8) & 0x00FFFFFFFFFFFE00
        if l2:
            fields += table(l2, cluster // 8, 8, "big", f"l2 {index}{' extended' * extended}")
    fields += record(take(data, ">Q", 64), "big", "snapshot", (0, 8), (8, 4), (12, 2), (14, 2), (32, 4), (36, 4), (48, 8))
    return fields + table(take(data, ">Q", 48), 2, 8, "big", "refcount table")


def kdmv(data):
    def header(base, name):
        return record(base, "little", name, (0, 4), (4, 4), (8, 4), (12, 8), (20, 8), (28, 8), (36, 8), (44, 4), (48, 8),
                      (56, 8), (64, 8), (72, 1), (73, 4), (77, 2))

    fields = header(0, "header")
    directory = take(data, "<Q", 56)
    capacity, grain, gtes = take(data, "<Q", 12), take(data, "<Q", 20) or 1, take(data, "<I", 44) or 1
    if directory == 2**64 - 1:
        footer = len(data) - 1024
        directory = take(data, "<Q", footer + 56)
        fields += header(footer, "footer")
        fields += record(footer - 512, "little", "footer marker", (0, 8), (8, 4), (12, 4))
    tables = min(-(-capacity // (grain * gtes)), 16)
    for start, name in ((directory, "gd"), (take(data, "<Q", 48), "rgd")):
        if not 0 < start < len(data) // 512:
            continue
        fields += table(start * 512, tables, 4, "little", name)
        for index in range(tables):
            place = take(data, "<I", start * 512 + index * 4) * 512
            fields += table(place, gtes, 4, "little", f"{name} gt {index}")
            for entry in range(min(gtes, 8)):
                unit = take(data, "<I", place + entry * 4) * 512
                if unit and take(data, "<H", 77):
                    fields += record(unit, "little", "compressed grain", (0, 8), (8, 4), (12, 2), (14, 1), (40, 1))
    return fields


def cowd(data):
    fields = record(0, "little", "header", (0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4), (24, 4), (28, 4), (1648, 4))
    directory, count = take(data, "<I", 20) * 512, take(data, "<I", 24)
    fields += table(directory, count, 4, "little", "gd")
    for index in range(min(count, 8)):
        fields += table(take(data, "<I", directory + index * 4) * 512, 4096, 4, "little", f"gt {index}")
    return fields


def sesparse(data):
    fields = record(0, "little", "header", *((offset, 8) for offset in range(0, 208, 8)))
    fields += record(512, "little", "volatile", (0, 8), (8, 8), (16, 8), (24, 8))
    directory, tables = take(data, "<Q", 128) * 512, take(data, "<Q", 144) * 512
    fields += table(directory, min(take(data, "<Q", 136), 64) * 64, 8, "little", "gd")
    for index in range(8):
        entry = take(data, "<Q", directory + index * 8)
        if entry:
            fields += table(tables + (entry & 0xFFFFFFFF) * 32768, 4096, 8, "little", f"gt {index}")
    return fields


def vdi(data):
    fields = record(0, "little", "header", (64, 4), (68, 4), (72, 4), (76, 4), (80, 4), (340, 4), (344, 4), (360, 4),
                    (368, 8), (376, 4), (380, 4), (384, 4), (388, 4), (392, 8), (424, 8), (440, 8))
    return fields + table(take(data, "<I", 340), take(data, "<I", 384), 4, "little", "map")


def vhd(data):
    def footer(base, name):
        return record(base, "big", name, (0, 8), (8, 4), (12, 4), (16, 8), (28, 4), (40, 8), (48, 8), (56, 2), (58, 1), (59, 1),
                      (60, 4), (64, 4), (68, 8), (84, 1))

    fields = footer(len(data) - 512, "footer")
    header = take(data, ">Q", len(data) - 512 + 16)
    if header < len(data):
        fields += footer(0, "copy")
        fields += record(header, "big", "header", (0, 8), (8, 8), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4), (40, 8))
        fields += table(take(data, ">Q", header + 16), take(data, ">I", header + 28), 4, "big", "bat")
    return fields


def mend_vhd(data):
    """Changed footers and headers with the right checksums, as if a program had written them."""
    data = bytearray(data)
    for start, field, length, cookie in ((0, 64, 512, b"conectix"), (len(data) - 512, 64, 512, b"conectix"),
                                         (take(data, ">Q", len(data) - 496), 36, 1024, b"cxsparse")):
        if 0 <= start <= len(data) - length and data[start:start + 8] == cookie:
            data[start + field:start + field + 4] = bytes(4)
            struct.pack_into(">I", data, start + field, ~sum(data[start:start + length]) & 0xFFFFFFFF)
    return bytes(data)


def vhdx(data):
    fields = []
    for start in 1 << 16, 2 << 16:
        fields += record(start, "little", "header", (0, 4), (8, 8), (48, 8), (64, 2), (66, 2), (68, 4), (72, 8))
    for start in 3 << 16, 4 << 16:
        fields += record(start, "little", "regions", (0, 4), (8, 4))
        for entry in start + 16, start + 48:
            fields += record(entry, "little", "region", (0, 8), (16, 8), (24, 4), (28, 4))
    bat, metadata = ((take(data, "<Q", (3 << 16) + 32 + 32 * index)) for index in (0, 1))
    if data[bat:bat + 8] == b"metadata":
        bat, metadata = metadata, bat
    fields += record(metadata, "little", "metadata", (0, 8), (10, 2))
    for index in range(min(take(data, "<H", metadata + 10), 8)):
        entry = metadata + 32 + 32 * index
        fields += record(entry, "little", "item", (0, 8), (16, 4), (20, 4), (24, 4))
        item = metadata + take(data, "<I", entry + 16)
        fields += record(item, "little", f"item {index}", (0, 4), (4, 4))
    return fields + table(bat, 8, 8, "little", "bat")


def mend_vhdx(data):
    """Changed headers and region tables with the right checksums."""
    data = bytearray(data)
    for start, length in (1 << 16, 4096), (2 << 16, 4096), (3 << 16, 1 << 16), (4 << 16, 1 << 16):
        if start + length <= len(data):
            data[start:start + length] = images.with_crc32c(bytes(data[start:start + length]), length)
    return bytes(data)


def of(data):
    """The fields of an image of any kind; none for text and raw data."""
    for magic, offset, layout in ((b"QFI\xfb", 0, qcow2), (b"KDMV", 0, kdmv), (b"COWD", 0, cowd),
                                  (struct.pack("<Q", 0xCAFEBABE), 0, sesparse),
                                  (struct.pack("<I", 0xBEDA107F), 64, vdi), (b"vhdxfile", 0, vhdx)):
        if data[offset:offset + len(magic)] == magic:
            return inside(layout(data), data)
    if data[-512:-504] == b"conectix":
        return inside(vhd(data), data)
    return []
