package io.tandem.server.storage.blob;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** A part of a file, which others may read at the same time. The channel stays open. */
final class FileSlice extends InputStream {
    private final FileChannel file;
    private final long end;
    private long position;

    FileSlice(FileChannel file, long start, long bytes) {
        this.file = file;
        this.position = start;
        this.end = start + bytes;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        int wanted = (int) Math.min(length, end - position);
        int read = wanted == 0 ? -1 : file.read(ByteBuffer.wrap(target, offset, wanted), position);
        position += Math.max(0, read);
        return read;
    }
}
