package io.tandem.server.storage;

import io.tandem.server.storage.Recording.Force;
import io.tandem.server.storage.Recording.Node;
import io.tandem.server.storage.Recording.Truncate;
import io.tandem.server.storage.Recording.Write;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/** A channel that passes everything on and records what is written and forced. */
final class RecordingChannel extends FileChannel {
    private final FileChannel inner;
    private final Recording recording;
    private final Node node;

    RecordingChannel(FileChannel inner, Recording recording, Node node) {
        this.inner = inner;
        this.recording = recording;
        this.node = node;
    }

    private static byte[] taken(ByteBuffer source, int from, int count) {
        byte[] bytes = new byte[count];
        source.duplicate().position(from).get(bytes);
        return bytes;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        int from = source.position();
        int count = inner.write(source);
        recording.add(new Write(node, inner.position() - count, taken(source, from, count)));
        return count;
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
        long sum = 0;
        for (int i = offset; i < offset + length; i++) {
            while (sources[i].hasRemaining()) {
                sum += write(sources[i]);
            }
        }
        return sum;
    }

    @Override
    public int write(ByteBuffer source, long position) throws IOException {
        int from = source.position();
        int count = inner.write(source, position);
        recording.add(new Write(node, position, taken(source, from, count)));
        return count;
    }

    @Override
    public FileChannel truncate(long size) throws IOException {
        inner.truncate(size);
        recording.add(new Truncate(node, size));
        return this;
    }

    @Override
    public void force(boolean metaData) {
        // The disk below is not the one that fails, so nothing waits for it.
        recording.add(new Force(node));
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(count));
        while (bytes.hasRemaining() && source.read(bytes) >= 0) {
            // Until it is full or there is no more.
        }
        return write(bytes.flip(), position);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) throws IOException {
        return inner.transferTo(position, count, target);
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
        if (mode != MapMode.READ_ONLY) {
            throw new UnsupportedOperationException("writes through memory cannot be recorded");
        }
        return inner.map(mode, position, size);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        return inner.read(target);
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) throws IOException {
        return inner.read(targets, offset, length);
    }

    @Override
    public int read(ByteBuffer target, long position) throws IOException {
        return inner.read(target, position);
    }

    @Override
    public long position() throws IOException {
        return inner.position();
    }

    @Override
    public FileChannel position(long newPosition) throws IOException {
        inner.position(newPosition);
        return this;
    }

    @Override
    public long size() throws IOException {
        return inner.size();
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
        return inner.lock(position, size, shared);
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) throws IOException {
        return inner.tryLock(position, size, shared);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        inner.close();
    }
}
