"""Changes to images that leave most of their structure sound: fields, table entries, lines of descriptors."""

import re

import layouts

WORDS = ["RW", "RDONLY", "NOACCESS", "FLAT", "SPARSE", "ZERO", "VMFS", "VMFSSPARSE", "SESPARSE", "rw", "flat"]


def changed_number(random, value, size, others):
    top = (1 << 8 * size) - 1
    return random.choice([
        lambda: 0, lambda: 1, lambda: 2, lambda: top, lambda: value + 1, lambda: value - 1, lambda: value * 2,
        lambda: value // 2, lambda: value ^ 1 << random.randrange(8 * size), lambda: value + random.choice([8, 512, 4096]),
        lambda: value - random.choice([8, 512, 4096]), lambda: random.choice(others), lambda: random.getrandbits(8 * size),
    ])() & top


def change_field(random, data):
    """One field gets another value, perhaps that of a field of its size."""
    fields = layouts.of(data)
    if not fields:
        return flip(random, data)
    # A kind of field first: otherwise nearly all changes would be of table entries.
    kinds = sorted({re.sub(r"\[\d+\]$", "", field[3]) for field in fields})
    kind = random.choice(kinds)
    offset, size, order, name = random.choice([field for field in fields if field[3].startswith(kind)])
    others = [int.from_bytes(data[place:place + size], order) for place, length, _, _ in fields if length == size]
    value = int.from_bytes(data[offset:offset + size], order)
    new = changed_number(random, value, size, others)
    data[offset:offset + size] = new.to_bytes(size, order)
    return f"{name} at {offset}: {value:#x} -> {new:#x}"


def flip(random, data):
    if not data:
        return "nothing"
    place = random.randrange(len(data))
    data[place] ^= 1 << random.randrange(8)
    return f"a bit of byte {place}"


def resize(random, data):
    length = random.choice([len(data) - random.randrange(1, 1025), random.randrange(len(data) + 1), len(data) + 512,
                            len(data) + random.randrange(4096), len(data) // 512 * 512])
    length = max(0, length)
    before = len(data)
    del data[length:]
    data.extend(bytes(length - len(data)))
    return f"{before} bytes -> {length}"


def change_text(random, data):
    """One line of a descriptor, alone or embedded, is changed, moved, doubled or left out."""
    start = max(data.find(b"# Disk DescriptorFile"), 0)
    end = data.find(b"\0", start)
    text = bytes(data[start:end if end >= 0 else len(data)])
    lines = text.split(b"\n")
    index = random.randrange(len(lines))
    line = lines[index]

    def number():
        found = list(re.finditer(rb"\d+", line))
        if not found:
            return [line]
        one = random.choice(found)
        value = int(one.group())
        new = max(0, random.choice([0, 1, value + 1, value - 1, value * 2, value // 2, value + 128, 2**55, 2**64]))
        return [line[:one.start()] + b"%d" % new + line[one.end():]]

    def word():
        parts = line.split(b" ")
        parts[random.randrange(len(parts))] = random.choice(WORDS).encode()
        return [b" ".join(parts)]

    other = lines[random.randrange(len(lines))]
    lines[index:index + 1] = random.choice([
        number, number, number, word, lambda: [line + b"\r"], lambda: [b"  " + line + b" \t"], lambda: [line, line],
        lambda: [], lambda: [line, other], lambda: [b"#" + line], lambda: [line.replace(b"=", b" = ")],
        lambda: [line.upper()], lambda: [line.replace(b" ", b"\t")], lambda: [line, b""], lambda: [b"\xef\xbb\xbf" + line],
    ])()
    new = b"\n".join(lines)
    if end >= 0:
        # Embedded: what follows stays where it is.
        room = len(data) - start
        stop = re.compile(rb"\0+").match(data, end)
        room = (stop.end() if stop else end) - start
        new = new[:room].ljust(room, b"\0")
        data[start:start + room] = new
    else:
        data[start:] = new
    return f"line {index} of the descriptor: {line!r} -> {lines[index] if index < len(lines) else b''!r}"


def mutate(random, files):
    """Changes one to three things in `files` (name to bytes), in place. Returns what was done."""
    done = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        name = random.choice(sorted(files))
        data = bytearray(files[name])
        is_text = b"# Disk DescriptorFile" in data[:1024]
        is_only_text = data.startswith(b"# Disk DescriptorFile")
        changes = [change_text] * (4 if is_only_text else 1) if is_text else []
        if not is_only_text:
            changes += [change_field] * 8 + [flip, resize]
        done.append(f"{name}: {random.choice(changes)(random, data)}")
        files[name] = bytes(data)
        if b"conectix" in data[-512:] + data[:8] and random.random() < 0.8:
            files[name] = layouts.mend_vhd(data)
        if data.startswith(b"vhdxfile") and random.random() < 0.8:
            files[name] = layouts.mend_vhdx(data)
    return done
