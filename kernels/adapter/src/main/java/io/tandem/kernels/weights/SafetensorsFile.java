package io.tandem.kernels.weights;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * A safetensors file, memory-mapped: opening reads the header only, and pages of a tensor are read when they are
 * touched. The header is not trusted. The mapping lives as long as a buffer of it does; the file must not be truncated
 * meanwhile.
 */
public final class SafetensorsFile implements TensorSource {
    /** The format's own limit. */
    private static final int MAX_HEADER_BYTES = 100_000_000;

    private final Path file;
    private final Map<String, TensorEntry> entries;
    /** Mapped parts of the file by their first byte; a buffer holds less than 2 GiB, so a large file takes several. */
    private final NavigableMap<Long, MappedByteBuffer> windows;

    private SafetensorsFile(Path file, Map<String, TensorEntry> entries, NavigableMap<Long, MappedByteBuffer> windows) {
        this.file = file;
        this.entries = Collections.unmodifiableMap(entries);
        this.windows = windows;
    }

    /**
     * Opens a file.
     *
     * @throws ModelFormatException if it is missing or damaged in any way that the header lets one see
     */
    public static SafetensorsFile open(Path file) {
        return open(file, MAX_HEADER_BYTES);
    }

    /**
     * Opens a file whose header may not be longer than a limit; for files from strangers.
     *
     * @throws ModelFormatException if it is missing or damaged in any way that the header lets one see
     */
    public static SafetensorsFile open(Path file, int maxHeaderBytes) {
        if (!Files.isRegularFile(file)) {
            throw ModelFormatException.in(file, "no such file");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            long headerBytes = headerBytes(file, channel, size, maxHeaderBytes);
            byte[] header = new byte[(int) headerBytes];
            readFully(channel, ByteBuffer.wrap(header), 8);
            Map<String, TensorEntry> entries = SafetensorsHeader.parse(file, header, 8 + headerBytes, size);
            return new SafetensorsFile(file, entries, map(channel, entries.values()));
        } catch (IOException e) {
            throw ModelFormatException.in(file, "cannot be read", e);
        }
    }

    private static long headerBytes(Path file, FileChannel channel, long size, int limit) throws IOException {
        if (size < 8) {
            throw ModelFormatException.in(file, "truncated: " + size + " bytes, expected a length of 8 bytes first");
        }
        ByteBuffer prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        readFully(channel, prefix, 0);
        long length = prefix.getLong(0);
        // Negative is an unsigned number beyond every file.
        if (length < 0 || length > size - 8) {
            throw ModelFormatException.in(
                    file, "truncated: a header of " + Long.toUnsignedString(length) + " bytes in a file of " + size);
        }
        if (length > limit) {
            throw ModelFormatException.in(file, "a header of " + length + " bytes, expected at most " + limit);
        }
        return length;
    }

    private static void readFully(FileChannel channel, ByteBuffer target, long position) throws IOException {
        while (target.hasRemaining()) {
            if (channel.read(target, position + target.position()) < 0) {
                throw new EOFException("the file became shorter");
            }
        }
    }

    private static NavigableMap<Long, MappedByteBuffer> map(FileChannel channel, Iterable<TensorEntry> entries)
            throws IOException {
        List<TensorEntry> byPlace = new ArrayList<>();
        entries.forEach(byPlace::add);
        byPlace.sort(Comparator.comparingLong(TensorEntry::begin));
        NavigableMap<Long, MappedByteBuffer> windows = new TreeMap<>();
        int from = 0;
        while (from < byPlace.size()) {
            long begin = byPlace.get(from).begin();
            int to = from;
            while (to < byPlace.size() && byPlace.get(to).end() - begin <= Integer.MAX_VALUE) {
                to++;
            }
            if (to > from) {
                long end = byPlace.get(to - 1).end();
                windows.put(begin, channel.map(FileChannel.MapMode.READ_ONLY, begin, end - begin));
            }
            // A tensor that does not fit into one buffer is read, not mapped.
            from = Math.max(to, from + 1);
        }
        return windows;
    }

    @Override
    public Set<String> names() {
        return entries.keySet();
    }

    @Override
    public TensorEntry entry(String name) {
        TensorEntry entry = entries.get(name);
        if (entry == null) {
            throw ModelFormatException.in(file, "no tensor " + name);
        }
        return entry;
    }

    /**
     * The bytes of a tensor as they are in the file: read-only, little-endian, from position 0, without a copy.
     *
     * @throws ModelFormatException if there is none of that name, or it has 2 GiB or more: use {@link #read}
     */
    public ByteBuffer bytes(String name) {
        TensorEntry entry = entry(name);
        if (entry.bytes() > Integer.MAX_VALUE) {
            throw ModelFormatException.in(
                    file, "tensor " + entry + " has " + entry.bytes() + " bytes, expected less than 2 GiB");
        }
        Map.Entry<Long, MappedByteBuffer> window = windows.floorEntry(entry.begin());
        if (entry.bytes() == 0 || window == null) {
            return ByteBuffer.allocate(0);
        }
        int offset = (int) (entry.begin() - window.getKey());
        return window.getValue().slice(offset, (int) entry.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Unlike mapped pages, what was read does not stay in the process's memory. */
    @Override
    public void read(String name, ByteBuffer piece, Consumer<ByteBuffer> sink) {
        TensorEntry entry = entry(name);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (long at = entry.begin(); at < entry.end(); at += piece.limit()) {
                piece.clear().limit((int) Math.min(piece.capacity(), entry.end() - at));
                readFully(channel, piece, at);
                sink.accept(piece.rewind());
            }
        } catch (IOException e) {
            throw ModelFormatException.in(file, "cannot be read", e);
        }
    }

    @Override
    public float[] floats(String name) {
        TensorEntry entry = entry(name);
        if (!entry.dtype().isFloating()) {
            throw ModelFormatException.in(file, "tensor " + entry + ", expected F64, F32, F16 or BF16");
        }
        ByteBuffer bytes = bytes(name);
        float[] values = new float[(int) entry.elements()];
        switch (entry.dtype()) {
            case F32 -> bytes.asFloatBuffer().get(values);
            case F64 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) bytes.getDouble(8 * i);
                }
            }
            case F16 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = HalfPrecision.fromFloat16(bytes.getShort(2 * i));
                }
            }
            case BF16 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = HalfPrecision.fromBfloat16(bytes.getShort(2 * i));
                }
            }
            default -> throw new IllegalStateException(entry + " is not floating point");
        }
        return values;
    }
}
