import ByteLayout
import DiskImage
import RingIO
import Synchronization
import SystemPackage

/// One thread of a conversion. It keeps several chunks in flight, each in a slot:
/// ```
///  claim ─▶ read ─▶ decode, find zeros, encode ─▶ offer to the sequencer ─▶ (placed) ─▶ write ─▶ (read back, compare) ─▶ free
/// ```
/// Everything here is this thread's own; it meets the others in the source of chunks, the sequencer and the job's counters.
final class Worker {
    private let index: Int
    private let source: any ChunkSource
    private let sequencer: Sequencer
    /// Nil if nothing is to be written.
    private let output: Output?
    private let job: Job
    private let files: [ImageFile]
    private let losses: Losses?
    private let rateLimiter: RateLimiter?
    private let readsBack: Bool
    private let queue: any IOQueue
    private let encoder: ChunkEncoder
    private var reader: ChunkReader
    /// Reads what the output's backing file has, if there is one.
    private let backing: ContentReader?
    private let memory: AlignedMemory
    private var slots: [Slot] = []
    private var idle: [Int] = []
    private var isExhausted = false
    /// Requests that the queue has and has not returned.
    private var requestsInFlight = 0

    init(
        index: Int, queue: any IOQueue, context: borrowing WorkerContext
    ) throws(ImageError) {
        self.index = index
        self.queue = queue
        source = context.source
        sequencer = context.sequencer
        output = context.output
        job = context.job
        files = context.files
        losses = context.losses
        rateLimiter = context.rateLimiter
        readsBack = context.readsBack
        encoder = ChunkEncoder(
            layout: context.layout, minimumZeroRun: context.minimumZeroRun, verifies: context.readsBack)
        reader = ChunkReader(files: context.files, losses: context.losses)
        backing = try context.backingFiles.map { files throws(ImageError) in try ContentReader(files: files) }
        let count = context.slots
        do throws(SystemCallError) {
            memory = try AlignedMemory(length: count * Slot.length)
        } catch {
            throw ImageError(.outputFailed, "can't \(error.attempt)", errno: Errno(rawValue: error.errno))
        }
        // The data parts of all slots come first: they are registered as one region.
        let chunk = ConversionSettings.chunkSize
        let bytes = unsafe memory.bytes
        for number in 0..<count {
            let staging = count * chunk + number * Slot.stagingLength
            let encoded = count * (chunk + Slot.stagingLength) + number * Slot.encodedLength
            // Safe: three disjoint parts of the memory for each slot.
            unsafe slots.append(
                Slot(
                    data: UnsafeMutableRawBufferPointer(rebasing: bytes[number * chunk..<(number + 1) * chunk]),
                    staging: UnsafeMutableRawBufferPointer(rebasing: bytes[staging..<staging + Slot.stagingLength]),
                    encoded: UnsafeMutableRawBufferPointer(rebasing: bytes[encoded..<encoded + Slot.encodedLength])))
            idle.append(number)
        }
        unsafe queue.register(UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * chunk)]))
    }

    /// Works until the disk is copied or the job is stopped; a failure here stops the job.
    func run() {
        do throws(ImageError) {
            try copy()
        } catch {
            job.fail(error)
        }
        // The kernel, or a server's answer, may still write to our memory.
        var completions: [IOCompletion] = []
        while requestsInFlight > 0 {
            queue.wait(&completions)
            requestsInFlight -= completions.count
            completions.removeAll()
        }
    }

    private func copy() throws(ImageError) {
        var completions: [IOCompletion] = []
        while !job.isStopped {
            try claim()
            if idle.count == slots.count {
                if isExhausted { return }
                // Nothing is in flight to wait for: of what was claimed nothing had to be read or written.
                continue
            }
            queue.wait(&completions)
            requestsInFlight -= completions.count
            for completion in completions { try complete(completion) }
            completions.removeAll(keepingCapacity: true)
            try writePlaced()
        }
    }

    /// Starts a chunk in every idle slot; with a rate limit, in one.
    private func claim() throws(ImageError) {
        while !isExhausted, let slot = idle.popLast() {
            guard try source.claim(&slots[slot], reader: reader) else {
                isExhausted = true
                idle.append(slot)
                return
            }
            rateLimiter?.wait(for: slots[slot].chunk?.copiedLength ?? 0, job)
            try start(slot)
            // What has ended meanwhile comes before the next wait.
            if rateLimiter != nil { return }
        }
    }

    /// Submits the slot's transfers; goes on at once if there are none.
    private func start(_ slot: Int) throws(ImageError) {
        slots[slot].pending = slots[slot].transfers.count
        for transfer in slots[slot].transfers.indices { try submit(slot, transfer) }
        if slots[slot].pending == 0 { try advance(slot) }
    }

    private func submit(_ slot: Int, _ index: Int) throws(ImageError) {
        let transfer = slots[slot].transfers[index]
        let target: IORequest.Target
        let direction: IORequest.Direction
        var offset = transfer.offset
        switch transfer.endpoint {
        case .source(let file):
            target =
                switch files[file].storage {
                case .file(let descriptor): .descriptor(descriptor.rawValue)
                case .export(let export): .export(ObjectIdentifier(export))
                }
            offset += files[file].base
            direction = .read
        case .output(let file):
            let choice = unsafe file.target(offset: transfer.offset, length: transfer.memory.count)
            slots[slot].transfers[index].isDirect = choice.isDirect
            target = choice.0
            direction = .write
        case .readBack(let file):
            let choice = unsafe try file.readBackTarget(offset: transfer.offset, length: transfer.memory.count)
            slots[slot].transfers[index].isDirect = choice.isDirect
            target = choice.0
            direction = .read
        }
        requestsInFlight += 1
        unsafe queue.submit(
            IORequest(
                direction, target, offset: offset, memory: transfer.memory,
                isRegistered: transfer.isRegistered, token: UInt64(slot) << 32 | UInt64(index)))
    }

    private func complete(_ completion: IOCompletion) throws(ImageError) {
        let slot = Int(completion.token >> 32)
        let index = Int(completion.token & 0xFFFF_FFFF)
        guard completion.result > 0 else { return try retry(slot, index, Errno(rawValue: -completion.result)) }
        let count = Int(completion.result)
        switch slots[slot].transfers[index].endpoint {
        case .source: job.readBytes.add(UInt64(count), ordering: .relaxed)
        case .output(let file):
            job.writtenBytes.add(UInt64(count), ordering: .relaxed)
            if !slots[slot].transfers[index].isDirect { try file.noteBuffered(count) }
        case .readBack: break
        }
        if unsafe count + slots[slot].transfers[index].spare < slots[slot].transfers[index].memory.count {
            slots[slot].transfers[index].offset += UInt64(count)
            // Safe: the rest of the transfer's own memory.
            unsafe slots[slot].transfers[index].memory = UnsafeMutableRawBufferPointer(
                rebasing: slots[slot].transfers[index].memory[count...])
            return try submit(slot, index)
        }
        try ended(slot)
    }

    /// One of the slot's transfers has ended.
    private func ended(_ slot: Int) throws(ImageError) {
        slots[slot].pending -= 1
        if slots[slot].pending == 0 { try advance(slot) }
    }

    /// Repeats a request that failed, or transferred nothing (`errno` 0), in another way if there is one.
    private func retry(_ slot: Int, _ index: Int, _ errno: Errno) throws(ImageError) {
        let transfer = slots[slot].transfers[index]
        switch transfer.endpoint {
        case .source(let number):
            let file = files[number]
            slots[slot].transfers[index].failures += 1
            // Where the file ends it ends; other failures may pass.
            guard errno.rawValue == 0 || slots[slot].transfers[index].failures > Transfer.maximumFailures else { break }
            let failure =
                errno.rawValue == 0
                ? file.damaged("the file became shorter while it was read", at: transfer.offset)
                : file.unreadable("input", at: transfer.offset, errno)
            guard let losses, failure.isSalvageable else { throw failure }
            slots[slot].salvage(transfer, from: file, failure, losses: losses)
            return try ended(slot)
        case .output(let file):
            if transfer.isDirect, errno == .invalidArgument {
                file.abandonDirectIO()
            } else if errno != .interrupted, errno != .resourceTemporarilyUnavailable {
                throw file.failure("can't write the output", at: transfer.offset, errno)
            }
        case .readBack(let file):
            guard errno.rawValue != 0 else { throw file.misread(at: transfer.offset) }
            if transfer.isDirect, errno == .invalidArgument {
                file.abandonDirectIO()
            } else if errno != .interrupted, errno != .resourceTemporarilyUnavailable {
                throw file.failure("can't read back what was written", at: transfer.offset, errno)
            }
        }
        try submit(slot, index)
    }

    /// The slot's transfers have ended: what comes next?
    private func advance(_ slot: Int) throws(ImageError) {
        guard let chunk = slots[slot].chunk else { preconditionFailure("a slot without chunk had transfers") }
        switch slots[slot].phase {
        case .reading:
            try encode(chunk, slot)
        case .writing where readsBack:
            slots[slot].planReadBack()
            slots[slot].phase = .readingBack
            try start(slot)
        case .writing:
            free(slot, chunk)
        case .readingBack:
            try slots[slot].requireReadBack()
            free(slot, chunk)
        }
    }

    private func free(_ slot: Int, _ chunk: Chunk) {
        slots[slot].phase = .reading
        slots[slot].encodedChunk = nil
        slots[slot].chunk = nil
        job.copiedBytes.add(chunk.copiedLength, ordering: .relaxed)
        idle.append(slot)
    }

    /// Encodes a chunk that was read and offers it to the sequencer.
    private func encode(_ chunk: Chunk, _ slot: Int) throws(ImageError) {
        try reader.decode(&slots[slot])
        let below = unsafe try chunk.backingChunk.flatMap { below throws(ImageError) in unsafe try backing?.read(below)
        }
        // Safe: what was staged has been decoded.
        let encoded = try unsafe encoder.encode(
            offset: chunk.offset, length: chunk.length, data: slots[slot].data, backing: below,
            encoded: slots[slot].encoded, scratch: slots[slot].staging)
        slots[slot].encodedChunk = encoded
        try sequencer.offer(encoded, sequence: chunk.sequence, worker: index, slot: slot)
        try writePlaced()
    }

    /// Writes the chunks that have got their places, whoever placed them.
    private func writePlaced() throws(ImageError) {
        for placed in sequencer.takePlaced(worker: index) {
            let layout = encoder.layout
            if let output {
                let stored = slots[placed.slot].planWrites(
                    placed.placement, layout: layout, output: output, readsBack: readsBack)
                job.storedBytes.add(UInt64(stored * layout.unitSize), ordering: .relaxed)
            } else {
                slots[placed.slot].transfers.removeAll(keepingCapacity: true)
            }
            slots[placed.slot].phase = .writing
            try start(placed.slot)
        }
    }
}
